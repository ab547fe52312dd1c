import type { TokenVerifier } from '../auth/token-verifier.js';
import { ServiceUnavailable } from '../common/domain-error.js';
import { permits } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { Forbidden } from '../http/auth/auth.errors.js';
import { permitsPlatform } from '../http/auth/platform-reach.js';

/** The longest time that a client with a revoked API key stays connected. */
const VERIFY_AGAIN_MS = 5000;
const VERIFY_EXPIRED_AGAIN_MS = 1000;
/** A timer can fire slightly early, when the token is still valid. */
const TIMER_MARGIN_MS = 20;

/** A client's token, verified when it connects and regularly while it is connected. */
export class Credential {
  #token: string;
  #user: AuthUser;
  #timer: NodeJS.Timeout | undefined;
  #onEnd: () => void = () => {};

  private constructor(
    private readonly tokens: TokenVerifier,
    private readonly address: string,
    user: AuthUser,
    token: string,
  ) {
    this.#token = token;
    this.#user = user;
  }

  /**
   * @param address from which the client has connected.
   * @throws {InvalidAccessToken | Forbidden | PolicyRefused | ServiceUnavailable}
   */
  static async of(token: string, address: string, tokens: TokenVerifier): Promise<Credential> {
    return new Credential(tokens, address, await verify(token, address, tokens), token);
  }

  get user(): AuthUser {
    return this.#user;
  }

  /** By the policy of the token in use. */
  permitsPlatform(id: number): boolean {
    return permitsPlatform(this.#user, id);
  }

  /** Calls `onEnd` once, when the token has expired, is revoked, or loses the permission to read. */
  watch(onEnd: () => void): void {
    this.#onEnd = onEnd;
    this.#schedule();
  }

  /**
   * Switches to another token of the same user.
   *
   * @throws {InvalidAccessToken | Forbidden | PolicyRefused | ServiceUnavailable} the old token then stays in use.
   */
  async replace(token: string): Promise<void> {
    const user = await verify(token, this.address, this.tokens);
    if (user.id !== this.user.id) throw new Forbidden('platforms:read');
    this.#token = token;
    this.#user = user;
    if (this.#timer !== undefined) this.#schedule();
  }

  release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    const left = (this.tokens.expiresAt(this.#token)?.getTime() ?? Number.POSITIVE_INFINITY) - Date.now();
    // A token can be expired by our clock and still be accepted, because the verifier tolerates clock skew.
    const dueMs = left <= 0 ? VERIFY_EXPIRED_AGAIN_MS : Math.min(VERIFY_AGAIN_MS, left + TIMER_MARGIN_MS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#verifyAgain(), dueMs).unref();
  }

  async #verifyAgain(): Promise<void> {
    const token = this.#token;
    try {
      const user = await verify(token, this.address, this.tokens);
      // The policy may have changed.
      if (token === this.#token) this.#user = user;
    } catch (error) {
      // ServiceUnavailable: the token cannot be verified now. The client stays, because no events can be read either.
      if (!(error instanceof ServiceUnavailable) && token === this.#token && this.#timer !== undefined) {
        this.release();
        this.#onEnd();
        return;
      }
    }
    if (this.#timer !== undefined) this.#schedule();
  }
}

async function verify(token: string, ip: string, tokens: TokenVerifier): Promise<AuthUser> {
  const user = await tokens.verify(token, { ip });
  if (!permits(user, 'platforms:read')) throw new Forbidden('platforms:read');
  return user;
}
