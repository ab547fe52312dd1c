import createFetchClient, { type Client } from 'openapi-fetch';
import { type EventMessage, type EventOptions, events } from './events.js';
import { KeptBodies } from './kept-bodies.js';
import { toProblem } from './problem.js';
import type { paths } from './schema.js';
import { type Send, confirming, keyed, patient, reaching } from './send.js';
import { type OnUser, Session, authorizing } from './session.js';

export interface ClientOptions {
  /** Where the API is, with BASE_PATH if it has one; no slash at the end. In a page of the same server, '' will do. */
  readonly baseUrl: string;
  /** An API key, for a program of its own. Without one, `session` signs a person in. */
  readonly apiKey?: string;
  /** How long to wait for a response. A connection test waits for an instance; all other requests are much faster. */
  readonly timeoutMs?: number;
  /** How long to repeat a request that gets no response, or one that asks to repeat it. 0: never. */
  readonly patienceMs?: number;
  /**
   * For a page of the API's own origin: the refresh token stays in a cookie that no script can read, and `session.restore()`
   * goes on with it after a reload.
   */
  readonly sessionCookie?: boolean;
  readonly onUser?: OnUser;
  /**
   * Called when the server wants a recent sign-in. Asks the person for the password, sends that to
   * `POST /v1/auth/confirm`, and resolves with whether the refused request is to be sent again.
   */
  readonly confirm?: () => Promise<boolean>;
  /** Called each time a request gets no response. */
  readonly onUnreachable?: () => void;
  /** By default the platform's own fetch. */
  readonly fetch?: Send;
}

export interface PlatformManager {
  readonly baseUrl: string;
  /** Every route of openapi.json, typed: `api.GET('/v1/platforms')`. See `ok()`. */
  readonly api: Client<paths>;
  readonly session: Session;
  /** The API key, or the access token of the signed-in user. See `Session.accessToken`. */
  accessToken(rejected?: string): Promise<string | null>;
  /** The user's changes as they happen (server-sent events). */
  events(options?: EventOptions): AsyncGenerator<EventMessage>;
}

export function createClient({
  baseUrl,
  apiKey,
  timeoutMs = 45_000,
  patienceMs = 20_000,
  sessionCookie = false,
  onUser = () => undefined,
  confirm = async () => false,
  onUnreachable = () => undefined,
  fetch = (request) => globalThis.fetch(request),
}: ClientOptions): PlatformManager {
  const kept = new KeptBodies();
  const ask = patient(reaching(fetch, timeoutMs, onUnreachable), patienceMs);
  let userId: number | undefined;
  const onNewUser: OnUser = (user, reason) => {
    if (user?.id !== userId) kept.clear();
    userId = user?.id;
    onUser(user, reason);
  };
  const session = new Session(baseUrl, keyed(ask), onNewUser, sessionCookie);
  const accessToken = async (rejected?: string): Promise<string | null> =>
    apiKey ?? session.accessToken(rejected);
  const listen = authorizing(reaching(fetch, 0, onUnreachable), accessToken);
  return {
    baseUrl,
    api: createFetchClient<paths>({
      baseUrl,
      fetch: keyed(confirming(authorizing(kept.around(ask), accessToken), confirm)),
    }),
    session,
    accessToken,
    events: (options = {}) => events(`${baseUrl}/v1/events`, listen, options),
  };
}

interface Result<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

/**
 * Returns the body of a successful response: `await ok(client.api.GET('/v1/platforms'))`.
 *
 * @throws {Problem | Unreachable}
 */
export async function ok<T>(call: Promise<Result<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw toProblem(response, error);
  return data as T;
}
