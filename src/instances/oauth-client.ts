import { Injectable } from '@nestjs/common';
import * as oauth from 'oauth4webapi';
import { guardedFetch } from './guarded-fetch.js';
import { GuardedHttp } from './guarded-http.js';
import type { RegisteredApp } from './instance-apps.js';
import { type OAuthFailure, OAuthFailed, failedRequest } from './oauth.errors.js';

/** Ten years. A token with a longer lifetime counts as one that never expires. */
const MAX_LIFETIME_SECONDS = 315_360_000;
const CREDENTIAL = /^[\x21-\x7e]{1,4096}$/;

/** The tokens that an instance issued for a code or a refresh token. */
export interface TokenGrant {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  /** Seconds from now; null if the token has no known expiry. */
  readonly expiresInSeconds: number | null;
}

export interface AuthorizationRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: string;
  readonly state: string;
  readonly verifier: string;
}

/** What the callback brought, after its state was recognised, and what the request was made with. */
export interface AuthorizationResponse {
  readonly code: string;
  readonly iss: string | null;
  readonly verifier: string;
  readonly redirectUri: string;
}

/** OAuth 2.0 client for instances. All requests go through the guarded client. */
@Injectable()
export class OAuthClient {
  readonly #options;

  constructor(private readonly http: GuardedHttp) {
    this.#options = {
      [oauth.customFetch]: guardedFetch(http),
      // The guarded client decides per host whether http is allowed.
      [oauth.allowInsecureRequests]: true,
    } as const;
  }

  newVerifier(): string {
    return oauth.generateRandomCodeVerifier();
  }

  /** RFC 8414 metadata if its endpoints are all on the instance's origin; otherwise the paths that all servers share. */
  async server(origin: string): Promise<oauth.AuthorizationServer> {
    const defaults = {
      issuer: origin,
      authorization_endpoint: `${origin}/oauth/authorize`,
      token_endpoint: `${origin}/oauth/token`,
      revocation_endpoint: `${origin}/oauth/revoke`,
    };
    try {
      const issuer = new URL(origin);
      const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...this.#options });
      const found = await oauth.processDiscoveryResponse(issuer, response);
      const endpoints = [found.authorization_endpoint, found.token_endpoint, found.revocation_endpoint];
      const allOwn = endpoints.every((url) => url === undefined || hasOrigin(url, origin));
      return allOwn ? { ...defaults, ...found } : defaults;
    } catch {
      // Older servers answer with 404, HTML or invalid JSON. If the instance is unreachable, the next request fails.
      return defaults;
    }
  }

  async authorizationUrl(server: oauth.AuthorizationServer, request: AuthorizationRequest): Promise<string> {
    const url = new URL(server.authorization_endpoint ?? `${server.issuer}/oauth/authorize`);
    const { searchParams: query } = url;
    query.set('client_id', request.clientId);
    query.set('redirect_uri', request.redirectUri);
    query.set('response_type', 'code');
    query.set('scope', request.scopes);
    query.set('state', request.state);
    query.set('code_challenge', await oauth.calculatePKCECodeChallenge(request.verifier));
    query.set('code_challenge_method', 'S256');
    return url.href;
  }

  /**
   * Whether the instance still accepts the registration. Checked before the user is sent to the instance, because it
   * reports a deleted registration only to the browser, where we cannot see it.
   */
  async accepts(server: oauth.AuthorizationServer, app: RegisteredApp): Promise<boolean> {
    try {
      const response = await oauth.clientCredentialsGrantRequest(
        server,
        { client_id: app.clientId },
        oauth.ClientSecretPost(app.clientSecret),
        { scope: 'read' },
        this.#options,
      );
      await oauth.processClientCredentialsResponse(server, { client_id: app.clientId }, response);
      return true;
    } catch (error) {
      // Some servers do not support this grant, so only a clear refusal counts. `invalid_grant` is one too: this request
      // contains no grant other than the client's own credentials.
      const reason = failureOf(error);
      return reason !== 'invalid_client' && reason !== 'invalid_grant';
    }
  }

  /** @throws {OAuthFailed} */
  async exchange(
    server: oauth.AuthorizationServer,
    app: RegisteredApp,
    { code, iss, verifier, redirectUri }: AuthorizationResponse,
  ): Promise<TokenGrant> {
    const client = { client_id: app.clientId };
    return translating(async () => {
      // RFC 9207 compares issuers as strings. Mastodon sends its issuer with a trailing slash, which our default lacks.
      const issuer = iss !== null && isIssuer(server.issuer, iss) ? iss : server.issuer;
      const query = new URLSearchParams({ code, ...(iss !== null && { iss }) });
      const parameters = oauth.validateAuthResponse(
        { ...server, issuer },
        client,
        query,
        oauth.expectNoState,
      );
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        oauth.ClientSecretPost(app.clientSecret),
        parameters,
        redirectUri,
        verifier,
        this.#options,
      );
      return toGrant(await oauth.processAuthorizationCodeResponse(server, client, response));
    });
  }

  /** @throws {OAuthFailed} */
  async refresh(origin: string, app: RegisteredApp, refreshToken: string): Promise<TokenGrant> {
    const client = { client_id: app.clientId };
    const server = await this.server(origin);
    const secret = oauth.ClientSecretPost(app.clientSecret);
    return translating(async () => {
      const response = await oauth.refreshTokenGrantRequest(
        server,
        client,
        secret,
        refreshToken,
        this.#options,
      );
      return toGrant(await oauth.processRefreshTokenResponse(server, client, response));
    });
  }

  /** @throws {OAuthFailed} */
  async revoke(origin: string, app: RegisteredApp, token: string, timeoutMs: number): Promise<void> {
    const body = new URLSearchParams({ token, client_id: app.clientId, client_secret: app.clientSecret });
    const { status } = await this.http
      .request(`${origin}/oauth/revoke`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: body.toString(),
        timeoutMs,
      })
      .catch(failedRequest);
    if (status !== 200) throw new OAuthFailed('oauth_refused');
  }
}

function hasOrigin(url: string, origin: string): boolean {
  return URL.canParse(url) && new URL(url).origin === origin;
}

/** Whether `iss` names this issuer, with or without a trailing slash. */
export function isIssuer(issuer: string, iss: string): boolean {
  return URL.canParse(iss) && new URL(iss).href === new URL(issuer).href;
}

function toGrant(response: oauth.TokenEndpointResponse): TokenGrant {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn } = response;
  if (response.token_type !== 'bearer' || !CREDENTIAL.test(accessToken))
    throw new OAuthFailed('instance_error');
  return {
    accessToken,
    refreshToken: refreshToken !== undefined && CREDENTIAL.test(refreshToken) ? refreshToken : null,
    expiresInSeconds:
      expiresIn === undefined || expiresIn > MAX_LIFETIME_SECONDS ? null : Math.floor(expiresIn),
  };
}

async function translating<T>(exchange: () => Promise<T>): Promise<T> {
  try {
    return await exchange();
  } catch (error) {
    if (error instanceof OAuthFailed) throw error;
    const reason = failureOf(error);
    if (reason !== null) throw new OAuthFailed(reason);
    return failedRequest(error);
  }
}

/** Null if the error is not one of the library's. */
function failureOf(error: unknown): OAuthFailure | null {
  // A rate limit has the form of an OAuth error, but it is temporary and refuses nothing.
  if (error instanceof oauth.ResponseBodyError && error.status === 429) return 'instance_error';
  if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError) {
    switch (error.error) {
      case 'access_denied':
      case 'invalid_client':
      case 'invalid_grant':
        return error.error;
      // Pleroma and Akkoma send this for an invalid client, code or refresh token.
      case 'Invalid credentials':
        return 'invalid_grant';
      default:
        return 'oauth_refused';
    }
  }
  return error instanceof oauth.OperationProcessingError || error instanceof oauth.UnsupportedOperationError
    ? 'instance_error'
    : null;
}
