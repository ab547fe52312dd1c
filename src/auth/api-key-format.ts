import { randomInt } from 'node:crypto';
import { hashOf, newSecret } from '../common/secrets.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const LOOKUP_LENGTH = 8;

/** Prefix of every API key. Distinctive, so secret scanners find keys that were committed or pasted somewhere. */
export const API_KEY_PREFIX = 'pmk_';
const API_KEY = /^pmk_([A-Za-z0-9]{8})_[A-Za-z0-9_-]{43}$/;

interface NewApiKey {
  /** `pmk_<lookup>_<secret>`. Shown once and not stored. */
  readonly key: string;
  readonly lookup: string;
  readonly hash: Buffer;
}

export function newApiKey(): NewApiKey {
  const lookup = Array.from({ length: LOOKUP_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  const key = `${API_KEY_PREFIX}${lookup}_${newSecret()}`;
  return { key, lookup, hash: hashOf(key) };
}

/** The public part of a well-formed API key. Null for anything else. */
export function lookupOf(key: string): string | null {
  return API_KEY.exec(key)?.[1] ?? null;
}

/** The part of a key by which its owner recognises it. */
export function prefixOf(lookup: string): string {
  return `${API_KEY_PREFIX}${lookup}`;
}
