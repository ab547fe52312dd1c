import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { opaqueString } from '../common/normal-text.js';

// Argon2id (the library's default) with the parameters that OWASP recommends first (Password Storage Cheat Sheet):
// memory in KiB, passes, lanes.
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

const base64 = (bytes: number): string => randomBytes(bytes).toString('base64').replaceAll('=', '');
/** Of no known password: its salt and hash are drawn. To compare with it takes as long as with any other. */
const NOBODYS_HASH =
  `$argon2id$v=19$m=${PARAMETERS.memoryCost},t=${PARAMETERS.timeCost},p=${PARAMETERS.parallelism}` +
  `$${base64(16)}$${base64(32)}`;

@Injectable()
export class Passwords {
  /** @returns a PHC string, which includes the salt and the parameters. Of the password as RFC 8265 prepares it. */
  async hash(password: string): Promise<string> {
    return hash(opaqueString(password), PARAMETERS);
  }

  /** Takes the same time with and without a hash, so timing does not reveal whether an account has a password. */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    // Hashes from before passwords were prepared are of what was typed. Most passwords have only one form.
    for (const form of new Set([opaqueString(password), password])) {
      if (await verify(passwordHash ?? NOBODYS_HASH, form)) return passwordHash !== null;
    }
    return false;
  }
}
