import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';

// Argon2id (the library's default) with OWASP's first choice of parameters for it (Password Storage Cheat Sheet):
// memory in KiB, passes, lanes.
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

@Injectable()
export class Passwords {
  // Of a password that nobody knows. Made at start: made on the first need, it would make that answer the slower one.
  readonly #unknown = this.hash(randomBytes(32).toString('base64url'));

  /** @returns a PHC string, with its salt and parameters. */
  async hash(password: string): Promise<string> {
    return hash(password, PARAMETERS);
  }

  /** Takes as long without a hash (no such account, or one without a password) as with one. */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    const matches = await verify(passwordHash ?? (await this.#unknown), password);
    return matches && passwordHash !== null;
  }
}
