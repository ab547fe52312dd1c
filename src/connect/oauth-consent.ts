import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import type { AuthorizationServer } from '../instances/authorization-server.js';
import { InstanceApps, type RegisteredApp, type Registration } from '../instances/instance-apps.js';
import { OAuthClient } from '../instances/oauth-client.js';
import { OAuthFailed } from '../instances/oauth.errors.js';
import type { InstanceTraits } from '../instances/software.js';
import type { TokenGrant } from '../instances/token-reply.js';
import { redirectUri } from './callback.js';
import { type AnsweredAttempt, ConnectAttempts, type WantedAttempt } from './connect-attempts.js';

/** Consent by OAuth: the authorisation code flow with PKCE (RFC 6749, RFC 7636, RFC 9700). */
@Injectable()
export class OAuthConsent {
  constructor(
    private readonly config: AppConfig,
    private readonly apps: InstanceApps,
    private readonly oauth: OAuthClient,
    private readonly attempts: ConnectAttempts,
  ) {}

  /**
   * @returns the authorisation URL.
   * @throws {OAuthFailed}
   */
  async begin(traits: InstanceTraits, attempt: WantedAttempt, browser: string): Promise<string> {
    const { origin } = attempt;
    const server = await this.oauth.server(origin);
    const scopes = traits.scopes.join(' ');
    const registration = { origin, redirectUri: redirectUri(this.config, origin), scopes };
    const { clientId, clientSecret } = traits.sharedApp
      ? { ...(await this.app(registration, server)), clientSecret: null }
      : await this.apps.registerAlone(registration);
    const verifier = this.oauth.newVerifier();
    const state = await this.attempts.begin({ ...attempt, clientId, clientSecret, verifier }, browser);
    const { forceLogin } = attempt;
    return this.oauth.authorizationUrl(server, { ...registration, clientId, state, verifier, forceLogin });
  }

  /** @throws {OAuthFailed} */
  async grant(attempt: AnsweredAttempt, clientId: string): Promise<TokenGrant> {
    const { origin, clientSecret } = attempt;
    const app = clientSecret === null ? await this.apps.find(origin, clientId) : { clientId, clientSecret };
    try {
      if (app === null) throw new OAuthFailed('invalid_client');
      const server = await this.oauth.server(origin);
      const response = { ...attempt, redirectUri: redirectUri(this.config, origin) };
      return await this.oauth.exchange(server, app, response);
    } catch (error) {
      // The next attempt registers this application again.
      if (error instanceof OAuthFailed && error.reason === 'invalid_client')
        await this.apps.forget(origin, clientId);
      throw error;
    }
  }

  private async app(registration: Registration, server: AuthorizationServer): Promise<RegisteredApp> {
    const app = await this.apps.get(registration);
    if (await this.oauth.accepts(server, app)) return app;
    await this.apps.forget(registration.origin, app.clientId);
    return this.apps.get(registration);
  }
}
