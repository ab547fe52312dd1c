import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import type { SecretsOwner } from './credential-cipher.js';

const boundSchema = z.tuple([z.int(), z.int(), z.string(), z.string()]);

/**
 * Encrypts refresh tokens. The row's seal does not cover them, so each ciphertext includes the row and the host that the
 * token belongs to. Moved to another row, it is rejected.
 */
@Injectable()
export class RefreshTokenCipher {
  constructor(private readonly ring: KeyRing) {}

  encrypt({ userId, id, instanceUrl }: SecretsOwner, refreshToken: string): string {
    return this.ring.encrypt(JSON.stringify([userId, id, instanceUrl, refreshToken]));
  }

  /** Re-encrypts the same refresh token under the primary key. Null when there is none, or it cannot be decrypted. */
  rewrap(owner: SecretsOwner, ciphertext: string | null): string | null {
    const refreshToken = ciphertext === null ? null : this.decrypt(owner, ciphertext);
    return refreshToken === null ? null : this.encrypt(owner, refreshToken);
  }

  /** Null when it belongs to another row, or no key decrypts it. */
  decrypt({ userId, id, instanceUrl }: SecretsOwner, ciphertext: string): string | null {
    const bound = readable(() => boundSchema.parse(JSON.parse(this.ring.decrypt(ciphertext))));
    if (bound === null) return null;
    const [user, platform, url, refreshToken] = bound;
    return user === userId && platform === id && url === instanceUrl ? refreshToken : null;
  }
}
