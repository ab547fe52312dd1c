import { createHmac, timingSafeEqual } from 'node:crypto';
import type { KeyRing } from './key-ring.js';

/** Ours has about 200. */
const MAX_LINE_CHARACTERS = 1000;

/** What an envelope says of the text in it. Times are Unix milliseconds by the clock of the database. */
export interface EnvelopeClaims {
  /** Id of the key that authenticates it. */
  readonly keyId: string;
  readonly installation: string;
  /** The text was read from the database after that. */
  readonly readAt: number;
  readonly expiresAt: number;
}

/**
 * A text with its authentication in a second line:
 *
 *     {"k":<key id>,"i":<installation>,"t":<read at>,"e":<expires at>,"m":<HMAC-SHA256, base64url>}
 *
 * The HMAC covers the name that the text is stored under, all fields before it, and the text.
 *
 * @param text one line.
 */
export function sealEnvelope(
  ring: KeyRing,
  name: string,
  text: string,
  claims: Omit<EnvelopeClaims, 'keyId'>,
): string {
  return `${text}\n${authentication(ring, name, text, { ...claims, keyId: ring.primaryKeyId }) ?? ''}`;
}

/** The text and the claims; null unless `sealEnvelope` has made exactly this for `name`, under a key of the ring. */
export function openEnvelope(
  ring: KeyRing,
  name: string,
  sealed: string,
): (EnvelopeClaims & { readonly text: string }) | null {
  const end = sealed.lastIndexOf('\n');
  const line = sealed.slice(end + 1);
  // No parsing of a megabyte that somebody else has written.
  if (end === -1 || line.length > MAX_LINE_CHARACTERS) return null;
  const claims = readClaims(line);
  if (claims === null) return null;
  const text = sealed.slice(0, end);
  const expected = authentication(ring, name, text, claims);
  if (expected === null) return null;
  // The whole line and not only the HMAC, so that there is one way to write it.
  const [given, right] = [Buffer.from(line), Buffer.from(expected)];
  return given.length === right.length && timingSafeEqual(given, right) ? { ...claims, text } : null;
}

function authentication(
  ring: KeyRing,
  name: string,
  text: string,
  { keyId, installation, readAt, expiresAt }: EnvelopeClaims,
): string | null {
  const key = ring.envelopeKey(keyId);
  if (key === undefined) return null;
  const fields = { k: keyId, i: installation, t: readAt, e: expiresAt };
  const m = createHmac('sha256', key)
    .update(`${JSON.stringify([name, fields])}\n${text}`)
    .digest('base64url');
  return JSON.stringify({ ...fields, m });
}

function readClaims(line: string): EnvelopeClaims | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null) return null;
  const { k, i, t, e } = parsed as Record<string, unknown>;
  if (typeof k !== 'string' || typeof i !== 'string') return null;
  if (!Number.isSafeInteger(t) || !Number.isSafeInteger(e)) return null;
  return { keyId: k, installation: i, readAt: t as number, expiresAt: e as number };
}
