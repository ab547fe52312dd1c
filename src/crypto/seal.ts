import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { FernetKey } from './fernet.js';

/** What a seal binds together. The last three fields are Fernet tokens, never the secrets themselves. */
export interface SealedRow {
  userId: number;
  platformId: number;
  instanceUrl: string;
  accessToken: string;
  clientKey: string | null;
  clientSecret: string | null;
}

/** The key that seals rows, independent of what the Fernet key itself signs and encrypts. */
export function deriveSealKey(key: FernetKey): KeyObject {
  return key.derive('platform-manager/row-seal/v1');
}

/**
 * HMAC-SHA256 over the row, as 43 characters of base64url. Fernet binds a token to nothing; the seal binds the
 * three tokens to their owner, their row and the host that they are sent to.
 *
 * @throws RangeError if an id is not an integer
 */
export function sealRow(key: KeyObject, row: SealedRow): string {
  return createHmac('sha256', key).update(encodeRow(row)).digest('base64url');
}

/**
 * Whether `seal` is this row's, in a time that does not depend on where the two differ.
 *
 * @throws RangeError if an id is not an integer
 */
export function isSealOf(key: KeyObject, row: SealedRow, seal: string): boolean {
  // Compared as text: two spellings of the same bytes must not both pass.
  const expected = Buffer.from(sealRow(key, row));
  const given = Buffer.from(seal);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** A JSON array: no two rows share an encoding, and null is not ''. */
function encodeRow(row: SealedRow): string {
  // The driver returns BIGINT as text, and JSON writes NaN as null: either would seal another row than the one
  // that was meant.
  if (!Number.isSafeInteger(row.userId) || !Number.isSafeInteger(row.platformId)) {
    throw new RangeError('The ids of a sealed row are integers.');
  }
  return JSON.stringify([
    row.userId,
    row.platformId,
    row.instanceUrl,
    row.accessToken,
    row.clientKey,
    row.clientSecret,
  ]);
}
