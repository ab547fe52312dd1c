import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { MiAuth } from '../instances/miauth.js';
import type { InstanceTraits } from '../instances/software.js';
import type { TokenGrant } from '../instances/token-reply.js';
import { redirectUri } from './callback.js';
import { type AnsweredAttempt, ConnectAttempts, type WantedAttempt } from './connect-attempts.js';

/**
 * Consent by MiAuth. Its session is the attempt's verifier. The state, which MiAuth does not know, is in the query of the
 * callback, so the callback finds its attempt, and its browser, as with OAuth.
 */
@Injectable()
export class MiAuthConsent {
  constructor(
    private readonly config: AppConfig,
    private readonly miAuth: MiAuth,
    private readonly attempts: ConnectAttempts,
  ) {}

  /** @returns the address of the consent page. */
  async begin({ scopes }: InstanceTraits, attempt: WantedAttempt, browser: string): Promise<string> {
    const { origin } = attempt;
    const session = this.miAuth.newSession();
    const secrets = { clientId: null, clientSecret: null, verifier: session };
    const state = await this.attempts.begin({ ...attempt, ...secrets }, browser);
    const callback = `${redirectUri(this.config, origin)}?state=${state}`;
    return this.miAuth.authorizationUrl(origin, { session, callback, permissions: scopes });
  }

  /**
   * The tokens of Misskey do not expire.
   *
   * @throws {OAuthFailed}
   */
  async grant({ origin, verifier }: AnsweredAttempt): Promise<TokenGrant> {
    const accessToken = await this.miAuth.token(origin, verifier);
    return { accessToken, refreshToken: null, expiresInSeconds: null };
  }
}
