import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { opaqueString } from '../common/normal-text.js';

// Argon2id (the library's default) with the parameters that OWASP recommends first (Password Storage Cheat Sheet):
// memory in KiB, passes, lanes.
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

@Injectable()
export class Passwords {
  // Hash of a random password. Computed at start: computed on demand, it would slow down that one response.
  readonly #dummyHash = this.hash(randomBytes(32).toString('base64url'));

  /** @returns a PHC string, which includes the salt and the parameters. Of the password as RFC 8265 prepares it. */
  async hash(password: string): Promise<string> {
    return hash(opaqueString(password), PARAMETERS);
  }

  /** Takes the same time with and without a hash, so timing does not reveal whether an account has a password. */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    // Hashes from before passwords were prepared are of what was typed. Most passwords have only one form.
    for (const form of new Set([opaqueString(password), password])) {
      if (await verify(passwordHash ?? (await this.#dummyHash), form)) return passwordHash !== null;
    }
    return false;
  }
}
