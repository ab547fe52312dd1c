import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { FernetKey } from './fernet.js';

/** The fields that a seal binds together. The last three are Fernet tokens, never the secrets themselves. */
export interface SealedRow {
  userId: number;
  platformId: number;
  instanceUrl: string;
  username: string | null;
  accessToken: string;
  clientKey: string | null;
  clientSecret: string | null;
}

/** Derives the key that seals rows. It is independent of the Fernet key's own signing and encryption keys. */
export function deriveSealKey(key: FernetKey): KeyObject {
  return key.derive('platform-manager/row-seal/v2');
}

/**
 * HMAC-SHA256 over the row, as 43 characters of base64url. Fernet does not bind a token to any context. The seal binds
 * the three tokens to their owner, their row, the host that they are sent to and the account that they are for.
 *
 * @throws RangeError if an id is not an integer
 */
export function sealRow(key: KeyObject, row: SealedRow): string {
  return createHmac('sha256', key).update(encodeRow(row)).digest('base64url');
}

/**
 * Whether `seal` belongs to this row. Compares in constant time.
 *
 * @throws RangeError if an id is not an integer
 */
export function isSealOf(key: KeyObject, row: SealedRow, seal: string): boolean {
  // Compares the text, not the decoded bytes: two encodings of the same bytes must not both pass.
  const expected = Buffer.from(sealRow(key, row));
  const given = Buffer.from(seal);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Encodes the row as a JSON array, so no two rows share an encoding, and null differs from ''. */
function encodeRow(row: SealedRow): string {
  // The driver returns BIGINT as text, and JSON writes NaN as null. Either would seal a different row than intended.
  if (!Number.isSafeInteger(row.userId) || !Number.isSafeInteger(row.platformId)) {
    throw new RangeError('The ids of a sealed row must be integers.');
  }
  return JSON.stringify([
    row.userId,
    row.platformId,
    row.instanceUrl,
    row.username,
    row.accessToken,
    row.clientKey,
    row.clientSecret,
  ]);
}
