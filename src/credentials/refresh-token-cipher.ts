import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { KeyRing, UndecryptableSecret } from '../crypto/key-ring.js';
import type { CredentialsOwner } from './credential-cipher.js';

const boundSchema = z.tuple([z.int(), z.int(), z.string(), z.string()]);

/**
 * Encrypts refresh tokens. The row's seal does not cover them, so each carries within the ciphertext the row and the host
 * that it belongs to: in another row it opens to nothing.
 */
@Injectable()
export class RefreshTokenCipher {
  constructor(private readonly ring: KeyRing) {}

  encrypt({ userId, id, instanceUrl }: CredentialsOwner, refreshToken: string): string {
    return this.ring.encrypt(JSON.stringify([userId, id, instanceUrl, refreshToken]));
  }

  /** The same refresh token under the primary key; null when there is none, or none that opens. */
  rewrap(owner: CredentialsOwner, ciphertext: string | null): string | null {
    const refreshToken = ciphertext === null ? null : this.decrypt(owner, ciphertext);
    return refreshToken === null ? null : this.encrypt(owner, refreshToken);
  }

  /** Null when it is another row's, or no key opens it. */
  decrypt({ userId, id, instanceUrl }: CredentialsOwner, ciphertext: string): string | null {
    try {
      const [user, platform, url, refreshToken] = boundSchema.parse(
        JSON.parse(this.ring.decrypt(ciphertext)),
      );
      return user === userId && platform === id && url === instanceUrl ? refreshToken : null;
    } catch (error) {
      if (
        error instanceof UndecryptableSecret ||
        error instanceof SyntaxError ||
        error instanceof z.ZodError
      ) {
        return null;
      }
      throw error;
    }
  }
}
