import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';

// Argon2id (the library's default) with the parameters that OWASP recommends first (Password Storage Cheat Sheet):
// memory in KiB, passes, lanes.
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

@Injectable()
export class Passwords {
  // Hash of a random password. Computed at start: computed on demand, it would slow down that one response.
  readonly #dummyHash = this.hash(randomBytes(32).toString('base64url'));

  /** @returns a PHC string, which includes the salt and the parameters. */
  async hash(password: string): Promise<string> {
    return hash(password, PARAMETERS);
  }

  /** Takes the same time with and without a hash, so timing does not reveal whether an account has a password. */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    const matches = await verify(passwordHash ?? (await this.#dummyHash), password);
    return matches && passwordHash !== null;
  }
}
