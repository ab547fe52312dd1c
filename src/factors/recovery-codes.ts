import { randomBytes } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { hashOf } from '../common/secrets.js';

export const RECOVERY_CODES = 10;
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const CHARACTERS = 16;

/** Replaces all recovery codes of a user. @returns the new ones, of which only hashes are stored. */
export async function renewRecoveryCodes(userId: number, manager: EntityManager): Promise<string[]> {
  const codes = Array.from({ length: RECOVERY_CODES }, newCode);
  await manager.query('DELETE FROM recovery_codes WHERE user_id = $1', [userId]);
  await manager.query(
    'INSERT INTO recovery_codes (user_id, code_hash) SELECT $1::integer, unnest($2::bytea[])',
    [userId, codes.map((code) => hashOf(normalCode(code)))],
  );
  return codes;
}

/** Uses one up. @returns false if it is none of the user's. */
export async function useRecoveryCode(
  userId: number,
  code: string,
  manager: EntityManager,
): Promise<boolean> {
  const [used] = await manager.query<[unknown[], number]>(
    'DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2 RETURNING id',
    [userId, hashOf(normalCode(code))],
  );
  return used.length > 0;
}

/** They are worth nothing without another factor, and would ask for themselves at each sign-in. */
export async function dropCodesWithoutFactor(userId: number, manager: EntityManager): Promise<void> {
  await manager.query(
    `DELETE FROM recovery_codes WHERE user_id = $1
       AND NOT EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1)
       AND NOT EXISTS (SELECT 1 FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL)`,
    [userId],
  );
}

/** As people type it: with blanks or dashes, in capitals. */
export function normalCode(code: string): string {
  return code.replaceAll(/[\s-]/g, '').toLowerCase();
}

/** 80 random bits, in four groups, without characters that look alike. */
function newCode(): string {
  const characters = [...randomBytes(CHARACTERS)].map((byte) => ALPHABET[byte % ALPHABET.length]);
  return characters.join('').replaceAll(/.{4}(?=.)/g, '$&-');
}
