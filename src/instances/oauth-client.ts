import { Injectable } from '@nestjs/common';
import * as oauth from 'oauth4webapi';
import { type AuthorizationServer, authorizationServer, isIssuer } from './authorization-server.js';
import { postForm } from './form-request.js';
import { GuardedHttp } from './guarded-http.js';
import type { RegisteredApp } from './instance-apps.js';
import { OAuthFailed } from './oauth.errors.js';
import { type TokenGrant, readTokens, refusalOf } from './token-reply.js';

export interface AuthorizationRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: string;
  readonly state: string;
  readonly verifier: string;
  readonly forceLogin: boolean;
}

/** What the callback brought, after its state was recognised, and what the request was made with. */
export interface AuthorizationResponse {
  readonly code: string;
  readonly iss: string | null;
  readonly verifier: string;
  readonly redirectUri: string;
}

/**
 * OAuth 2.0 client for instances. All requests go through the guarded client. oauth4webapi makes the verifier and
 * its challenge; it is too strict to read what instances answer.
 */
@Injectable()
export class OAuthClient {
  constructor(private readonly http: GuardedHttp) {}

  newVerifier(): string {
    return oauth.generateRandomCodeVerifier();
  }

  server(origin: string): Promise<AuthorizationServer> {
    return authorizationServer(this.http, origin);
  }

  async authorizationUrl(server: AuthorizationServer, request: AuthorizationRequest): Promise<string> {
    const url = new URL(server.authorizationEndpoint);
    const { searchParams: query } = url;
    query.set('client_id', request.clientId);
    query.set('redirect_uri', request.redirectUri);
    query.set('response_type', 'code');
    query.set('scope', request.scopes);
    query.set('state', request.state);
    query.set('code_challenge', await oauth.calculatePKCECodeChallenge(request.verifier));
    query.set('code_challenge_method', 'S256');
    if (request.forceLogin) query.set('force_login', 'true');
    return url.href;
  }

  /**
   * Whether the instance still accepts the registration. Checked before the user is sent to the instance, because it
   * reports a deleted registration only to the browser, where we cannot see it.
   */
  async accepts(server: AuthorizationServer, app: RegisteredApp): Promise<boolean> {
    try {
      const fields = { grant_type: 'client_credentials', scope: 'read', ...clientFields(app) };
      const refusal = refusalOf(await postForm(this.http, server.tokenEndpoint, fields));
      // Some servers do not support this grant, so only a clear refusal counts. `invalid_grant` is one too: this request
      // contains no grant other than the client's own credentials.
      return refusal !== 'invalid_client' && refusal !== 'invalid_grant';
    } catch (error) {
      if (error instanceof OAuthFailed) return true;
      throw error;
    }
  }

  /** @throws {OAuthFailed} */
  async exchange(
    server: AuthorizationServer,
    app: RegisteredApp,
    { code, iss, verifier, redirectUri }: AuthorizationResponse,
  ): Promise<TokenGrant> {
    assertSentBy(server, iss);
    return readTokens(
      await postForm(this.http, server.tokenEndpoint, {
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
        ...clientFields(app),
      }),
    );
  }

  /** @throws {OAuthFailed} */
  async refresh(origin: string, app: RegisteredApp, refreshToken: string): Promise<TokenGrant> {
    const { tokenEndpoint } = await this.server(origin);
    const fields = { grant_type: 'refresh_token', refresh_token: refreshToken, ...clientFields(app) };
    return readTokens(await postForm(this.http, tokenEndpoint, fields));
  }

  /** @throws {OAuthFailed} */
  async revoke(origin: string, app: RegisteredApp, token: string, timeoutMs: number): Promise<void> {
    const fields = { token, ...clientFields(app) };
    const { status } = await postForm(this.http, `${origin}/oauth/revoke`, fields, timeoutMs);
    if (status !== 200) throw new OAuthFailed('oauth_refused');
  }
}

function clientFields({ clientId, clientSecret }: RegisteredApp): Readonly<Record<string, string>> {
  return { client_id: clientId, client_secret: clientSecret };
}

/** RFC 9207 compares issuers as strings, but Mastodon's has a trailing slash in some responses only. */
function assertSentBy({ issuer, sendsIssuer }: AuthorizationServer, iss: string | null): void {
  const isRight = iss === null ? !sendsIssuer : isIssuer(issuer, iss);
  if (!isRight) throw new OAuthFailed('instance_error');
}
