import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';

const boundSchema = z.tuple([z.literal('totp'), z.int(), z.string()]);

/** Encrypts the secrets of authenticator apps, each together with whose it is: moved to another row, it is rejected. */
@Injectable()
export class TotpCipher {
  constructor(private readonly ring: KeyRing) {}

  get primaryKeyId(): string {
    return this.ring.primaryKeyId;
  }

  encrypt(userId: number, secret: string): string {
    return this.ring.encrypt(JSON.stringify(['totp', userId, secret]));
  }

  /** Null when it belongs to another row, or no key decrypts it. */
  decrypt(userId: number, ciphertext: string): string | null {
    const bound = readable(() => boundSchema.parse(JSON.parse(this.ring.decrypt(ciphertext))));
    return bound?.[1] === userId ? bound[2] : null;
  }
}
