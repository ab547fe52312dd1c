import { createHash } from 'node:crypto';
import type { AppConfig } from '../config/app-config.js';
import { BLUESKY_CALLBACK_KEY } from '../instances/bluesky/redirect-path.js';
import { InvalidConnectState } from './connect.errors.js';

// RFC 6749, appendix A.11: visible ASCII and space.
const CODE = /^[\x20-\x7e]{1,4096}$/;
const KEY_BYTES = 16;

/** What an instance reports when it sends the browser back (RFC 6749, 4.1.2; RFC 9207; MiAuth). */
export interface Callback {
  /** Key of the instance whose redirect URI was called. */
  readonly key: string;
  readonly state: string;
  readonly iss: string | null;
  /** The code, or MiAuth's session. Null if the authorisation failed, or it is malformed. */
  readonly code: string | null;
  readonly error: string | null;
}

/**
 * Names an instance in its redirect URI. Each instance has a redirect URI of its own, so that a response of one is never
 * taken for a response of another (RFC 9700, 4.4.2).
 */
export function callbackKey(origin: string): string {
  return createHash('sha256').update(origin).digest().subarray(0, KEY_BYTES).toString('base64url');
}

/**
 * Whether a callback came by the redirect URI of the attempt. All servers of the AT Protocol share one, which is in the
 * client document; they name themselves in each response.
 */
export function cameByOwn(
  { key, iss, error }: Callback,
  { origin, clientId }: { readonly origin: string; readonly clientId: string | null },
  blueskyClientId: string | null,
): boolean {
  if (clientId === null || clientId !== blueskyClientId) return key === callbackKey(origin);
  return key === BLUESKY_CALLBACK_KEY && (iss !== null || error !== null);
}

/** Where an instance sends the browser back to. */
export function redirectUri({ publicUrl }: AppConfig, origin: string): string {
  return `${publicUrl}/v1/connect/callback/${callbackKey(origin)}`;
}

/** @throws {InvalidConnectState} if the state is missing, or a parameter is repeated (RFC 6749, 3.1). */
export function parseCallback(key: string, query: URLSearchParams): Callback {
  const state = single(query, 'state');
  if (state === null) throw new InvalidConnectState();
  const code = single(query, 'code') ?? single(query, 'session');
  return {
    key,
    state,
    iss: single(query, 'iss'),
    code: code !== null && CODE.test(code) ? code : null,
    error: single(query, 'error'),
  };
}

function single(query: URLSearchParams, name: string): string | null {
  const values = query.getAll(name);
  if (values.length > 1) throw new InvalidConnectState();
  return values[0] ?? null;
}
