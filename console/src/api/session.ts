import { signal } from '@preact/signals';
import createClient from 'openapi-fetch';
import { BASE } from './base.js';
import { Refused, Unreachable, refusal } from './problem.js';
import type { components, paths } from './schema.js';

export type User = components['schemas']['UserDto'];
type Session = components['schemas']['SessionDto'];

interface Tokens {
  readonly access: string;
  readonly refresh: string;
  /** On the clock of performance.now(), which is unaffected by changes of the system time. */
  readonly renewAt: number;
}

/** A connection test waits for an instance; all other requests are much faster. */
const REQUEST_TIMEOUT_MS = 45_000;
/** Share of an access token's lifetime after which it is renewed before its next use. */
const RENEW_AFTER = 0.8;

/** The signed-in user. The tokens stay in this module: not in browser storage, not in the page. */
export const user = signal<User | null>(null);
/** Why the session ended, unless the user logged out. */
export const sessionEnd = signal<string | null>(null);

let tokens: Tokens | null = null;
/** A refresh token works only once, so concurrent requests share one renewal. */
let renewal: Promise<Tokens> | null = null;

const listeners = new Set<() => void>();

/** Calls `listener` when a request gets no response. */
export function onUnreachable(listener: () => void): void {
  listeners.add(listener);
}

/** @throws {Unreachable} */
export async function send(request: Request, timeoutMs = REQUEST_TIMEOUT_MS): Promise<Response> {
  const signals = [request.signal, ...(timeoutMs > 0 ? [AbortSignal.timeout(timeoutMs)] : [])];
  try {
    return await fetch(request, { signal: AbortSignal.any(signals) });
  } catch (error) {
    if (request.signal.aborted) throw error;
    for (const listener of listeners) listener();
    throw new Unreachable(error);
  }
}

const anonymous = createClient<paths>({ baseUrl: BASE, fetch: (request) => send(request) });

export async function logIn(email: string, password: string): Promise<void> {
  const { data, error, response } = await anonymous.POST('/v1/auth/login', { body: { email, password } });
  if (data === undefined) throw refusal(response, error);
  start(data);
}

export async function register(email: string, password: string): Promise<void> {
  const { data, error, response } = await anonymous.POST('/v1/auth/register', { body: { email, password } });
  if (data === undefined) throw refusal(response, error);
  start(data);
}

/** Ends the session here at once, and revokes the refresh token at the API if it can be reached. */
export async function logOut(): Promise<void> {
  // A running renewal would otherwise leave behind a refresh token that is never revoked.
  await renewal?.catch(() => undefined);
  const refreshToken = tokens?.refresh;
  end(null);
  if (refreshToken === undefined) return;
  await anonymous.POST('/v1/auth/logout', { body: { refreshToken } }).catch(() => undefined);
}

/** Sends a request with the access token. After a 401, renews the token and retries once. */
export async function sendAuthorized(request: Request, timeoutMs?: number): Promise<Response> {
  const retry = request.clone();
  const used = await current();
  const response = await send(authorized(request, used), timeoutMs);
  if (response.status !== 401) return response;
  return send(authorized(retry, tokens === used ? await renew() : await current()), timeoutMs);
}

function authorized(request: Request, { access }: Tokens): Request {
  request.headers.set('Authorization', `Bearer ${access}`);
  return request;
}

async function current(): Promise<Tokens> {
  if (renewal !== null || tokens === null || performance.now() >= tokens.renewAt) return renew();
  return tokens;
}

function renew(): Promise<Tokens> {
  renewal ??= exchange().finally(() => (renewal = null));
  return renewal;
}

async function exchange(): Promise<Tokens> {
  const refreshToken = tokens?.refresh;
  if (refreshToken === undefined) throw sessionExpired();
  const { data, error, response } = await anonymous.POST('/v1/auth/refresh', { body: { refreshToken } });
  if (data !== undefined) return start(data);
  const refused = refusal(response, error);
  // After any other failure, such as a database outage, the refresh token is still valid.
  if (response.status === 401 || response.status === 403) end('Your session has expired. Log in again.');
  throw refused;
}

function start(session: Session): Tokens {
  tokens = {
    access: session.accessToken,
    refresh: session.refreshToken,
    renewAt: performance.now() + session.expiresIn * 1000 * RENEW_AFTER,
  };
  sessionEnd.value = null;
  const { id, email, role } = session.user;
  const previous = user.value;
  // Assigning a new object would restart every effect that depends on the user.
  if (previous?.id !== id || previous.role !== role || previous.email !== email) user.value = session.user;
  return tokens;
}

function end(reason: string | null): void {
  tokens = null;
  sessionEnd.value = reason;
  user.value = null;
}

function sessionExpired(): Refused {
  const detail = 'Your session has expired. Log in again.';
  return new Refused({ title: 'Session expired', status: 401, code: 'unauthenticated', detail }, null);
}
