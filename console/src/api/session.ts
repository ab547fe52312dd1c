import { signal } from '@preact/signals';
import createClient from 'openapi-fetch';
import { Refused, Unreachable, refusal } from './problem.js';
import type { components, paths } from './schema.js';

export type User = components['schemas']['UserDto'];
type Session = components['schemas']['SessionDto'];

interface Tokens {
  readonly access: string;
  readonly refresh: string;
  /** By performance.now(), which no change of the wall clock moves. */
  readonly renewAt: number;
}

/** Tests of a connection wait for an instance; everything else is much faster. */
const REQUEST_TIMEOUT_MS = 45_000;
/** Of an access token's life; then it is renewed before it is used again. */
const RENEW_AFTER = 0.8;

/** Who is logged in. The tokens themselves stay in this module: not in storage, not in the page. */
export const user = signal<User | null>(null);
/** Why nobody is any more, when it was not their own wish. */
export const sessionEnd = signal<string | null>(null);

let tokens: Tokens | null = null;
/** A refresh token is good once; whoever needs a new one at the same time waits for the same exchange. */
let renewal: Promise<Tokens> | null = null;

const listeners = new Set<() => void>();

/** Told when a request got no answer. */
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

const anonymous = createClient<paths>({ fetch: (request) => send(request) });

export async function logIn(email: string, password: string): Promise<void> {
  const { data, error, response } = await anonymous.POST('/v1/auth/login', { body: { email, password } });
  if (data === undefined) throw refusal(response, error);
  begin(data);
}

export async function register(email: string, password: string): Promise<void> {
  const { data, error, response } = await anonymous.POST('/v1/auth/register', { body: { email, password } });
  if (data === undefined) throw refusal(response, error);
  begin(data);
}

/** Ends it here at once; the API is told as well, for its own sake, if it can be. */
export async function logOut(): Promise<void> {
  // Else the exchange would leave a refresh token behind that nobody revokes.
  await renewal?.catch(() => undefined);
  const refreshToken = tokens?.refresh;
  end(null);
  if (refreshToken === undefined) return;
  await anonymous.POST('/v1/auth/logout', { body: { refreshToken } }).catch(() => undefined);
}

/** With an access token; one that is refused is renewed, once. */
export async function sendAuthorized(request: Request, timeoutMs?: number): Promise<Response> {
  const again = request.clone();
  const used = await current();
  const response = await send(authorized(request, used), timeoutMs);
  if (response.status !== 401) return response;
  return send(authorized(again, tokens === used ? await renew() : await current()), timeoutMs);
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
  if (refreshToken === undefined) throw over();
  const { data, error, response } = await anonymous.POST('/v1/auth/refresh', { body: { refreshToken } });
  if (data !== undefined) return begin(data);
  const refused = refusal(response, error);
  // Anything else, such as a database that is down for a while, leaves the token as good as it was.
  if (response.status === 401 || response.status === 403) end('Your session is over. Log in again.');
  throw refused;
}

function begin(session: Session): Tokens {
  tokens = {
    access: session.accessToken,
    refresh: session.refreshToken,
    renewAt: performance.now() + session.expiresIn * 1000 * RENEW_AFTER,
  };
  sessionEnd.value = null;
  const { id, email, role } = session.user;
  const known = user.value;
  // A new object would make everything that depends on who is logged in start anew.
  if (known?.id !== id || known.role !== role || known.email !== email) user.value = session.user;
  return tokens;
}

function end(reason: string | null): void {
  tokens = null;
  sessionEnd.value = reason;
  user.value = null;
}

function over(): Refused {
  const detail = 'Your session is over. Log in again.';
  return new Refused({ title: 'Session over', status: 401, code: 'unauthenticated', detail }, null);
}
