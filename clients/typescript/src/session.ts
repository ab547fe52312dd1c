import createFetchClient, { type Client } from 'openapi-fetch';
import { type Problem, toProblem } from './problem.js';
import type { components, paths } from './schema.js';
import type { Send } from './send.js';

export type User = components['schemas']['UserDto'];
type SessionDto = components['schemas']['SessionDto'];

interface Tokens {
  readonly access: string;
  /** Undefined if it is in the cookie. */
  readonly refresh: string | undefined;
  /** On the clock of performance.now(), which is unaffected by changes of the system time. */
  readonly renewAt: number;
}

/** Share of an access token's lifetime after which it is renewed before its next use. */
const RENEW_AFTER = 0.8;

/** Called after each sign-in and renewal, and with null at the end: with the reason, unless the user signed out. */
export type OnUser = (user: User | null, reason: Problem | null) => void;

/** The signed-in user. The access token stays in here: not in browser storage, not in the page. */
export class Session {
  #user: User | null = null;
  #tokens: Tokens | null = null;
  /** A refresh token works only once, so concurrent requests share one renewal. */
  #renewal: Promise<Tokens> | null = null;
  readonly #anonymous: Client<paths>;

  constructor(
    baseUrl: string,
    send: Send,
    private readonly onUser: OnUser,
    private readonly inCookie: boolean,
  ) {
    this.#anonymous = createFetchClient<paths>({ baseUrl, fetch: send });
  }

  get user(): User | null {
    return this.#user;
  }

  /**
   * @param code of the authenticator app, or a recovery code: after a problem `second_factor_required`.
   * @throws {Problem | Unreachable}
   */
  async signIn(email: string, password: string, code?: string): Promise<User> {
    const { data, error, response } = await this.#anonymous.POST('/v1/auth/login', {
      ...this.#asked(),
      body: { email, password, ...(code !== undefined && { code }) },
    });
    if (data === undefined) throw toProblem(response, error);
    this.#start(data);
    return data.user;
  }

  /**
   * @param response of a passkey, from `navigator.credentials.get()` as JSON, for options of `POST /v1/auth/passkey/options`.
   * @throws {Problem | Unreachable}
   */
  async signInByPasskey(response: object): Promise<User> {
    const {
      data,
      error,
      response: answer,
    } = await this.#anonymous.POST('/v1/auth/passkey', {
      ...this.#asked(),
      body: { response: response as Record<string, never> },
    });
    if (data === undefined) throw toProblem(answer, error);
    this.#start(data);
    return data.user;
  }

  /**
   * Makes an account and signs in.
   *
   * @param invitation an administrator's, where one is needed.
   * @throws {Problem | Unreachable}
   */
  async register(email: string, password: string, invitation?: string): Promise<User> {
    const { data, error, response } = await this.#anonymous.POST('/v1/auth/register', {
      ...this.#asked(),
      body: { email, password, ...(invitation !== undefined && { invitation }) },
    });
    if (data === undefined) throw toProblem(response, error);
    this.#start(data);
    return data.user;
  }

  /**
   * Goes on with the session whose refresh token is in the cookie.
   *
   * @returns null if there is none, or it has ended.
   * @throws {Problem | Unreachable} if nobody knows now.
   */
  async restore(): Promise<User | null> {
    if (!this.inCookie) return null;
    const { data, error, response } = await this.#refresh(undefined);
    if (data !== undefined) {
      this.#start(data);
      return data.user;
    }
    if (response.status === 401 || response.status === 403) return null;
    throw toProblem(response, error);
  }

  /**
   * Ends the session here at once, and revokes the refresh token at the API if it can be reached. The request outlives its page.
   *
   * @throws {Unreachable} only with the token in a cookie, which is still there then.
   */
  async signOut(): Promise<void> {
    // A running renewal would otherwise leave behind a refresh token that is never revoked.
    await this.#renewal?.catch(() => undefined);
    const tokens = this.#tokens;
    this.#end(null);
    if (tokens === null) return;
    const body = { refreshToken: tokens.refresh };
    const call = this.#anonymous.POST('/v1/auth/logout', { ...this.#asked(), body, keepalive: true });
    await (this.inCookie ? call : call.catch(() => undefined));
  }

  /**
   * The access token, renewed first if it is about to expire; null while nobody is signed in.
   *
   * @param rejected an access token that the server has just refused.
   */
  async accessToken(rejected?: string): Promise<string | null> {
    const tokens = this.#tokens;
    if (tokens === null) return null;
    const isUsable = tokens.access !== rejected && performance.now() < tokens.renewAt;
    if (isUsable && this.#renewal === null) return tokens.access;
    this.#renewal ??= this.#renew(tokens.refresh).finally(() => (this.#renewal = null));
    return (await this.#renewal).access;
  }

  async #renew(refreshToken: string | undefined): Promise<Tokens> {
    const { data, error, response } = await this.#refresh(refreshToken);
    if (data !== undefined) return this.#start(data);
    const problem = toProblem(response, error);
    // After any other failure, such as a database outage, the refresh token is still valid.
    if (problem.status === 401 || problem.status === 403) this.#end(problem);
    throw problem;
  }

  #refresh(refreshToken: string | undefined) {
    return this.#anonymous.POST('/v1/auth/refresh', { ...this.#asked(), body: { refreshToken } });
  }

  #asked() {
    return this.inCookie ? { params: { header: { 'session-cookie': 'true' as const } } } : {};
  }

  #start({ user, accessToken, refreshToken, expiresIn }: SessionDto): Tokens {
    const renewAt = performance.now() + expiresIn * 1000 * RENEW_AFTER;
    const tokens = { access: accessToken, refresh: refreshToken, renewAt };
    this.#tokens = tokens;
    this.#user = user;
    this.onUser(user, null);
    return tokens;
  }

  #end(reason: Problem | null): void {
    this.#tokens = null;
    this.#user = null;
    this.onUser(null, reason);
  }
}

/** As `Session.accessToken`. */
export type TokenSource = (rejected?: string) => Promise<string | null>;

/** Sends requests with the token. After a 401, sends the request once more if there is another token. */
export function authorizing(send: Send, token: TokenSource): Send {
  return async (request) => {
    const again = request.clone();
    const used = await token();
    const response = await send(withToken(request, used));
    if (response.status !== 401 || used === null) return response;
    const renewed = await token(used);
    if (renewed === null || renewed === used) return response;
    await response.body?.cancel();
    return send(withToken(again, renewed));
  };
}

function withToken(request: Request, token: string | null): Request {
  if (token !== null) request.headers.set('Authorization', `Bearer ${token}`);
  return request;
}
