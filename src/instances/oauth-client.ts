import { Injectable } from '@nestjs/common';
import * as oauth from 'oauth4webapi';
import { guardedFetch } from './guarded-fetch.js';
import { GuardedHttp } from './guarded-http.js';
import type { RegisteredApp } from './instance-apps.js';
import { type OAuthFailure, OAuthFailed, failedRequest } from './oauth.errors.js';

/** Ten years: beyond it a lifetime says "for ever". */
const MAX_LIFETIME_SECONDS = 315_360_000;
const CREDENTIAL = /^[\x21-\x7e]{1,4096}$/;

/** What an instance gave for a code or a refresh token. */
export interface TokenGrant {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  /** Seconds from now; null: for ever, as far as is known. */
  readonly expiresInSeconds: number | null;
}

export interface AuthorizationRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: string;
  readonly state: string;
  readonly verifier: string;
}

/** OAuth 2.0 with instances, all of it through the guarded client. */
@Injectable()
export class OAuthClient {
  readonly #options;

  constructor(private readonly http: GuardedHttp) {
    this.#options = {
      [oauth.customFetch]: guardedFetch(http),
      // The guarded client decides about http, host by host.
      [oauth.allowInsecureRequests]: true,
    } as const;
  }

  newVerifier(): string {
    return oauth.generateRandomCodeVerifier();
  }

  /** RFC 8414 metadata where there is some that keeps to the instance, else the paths that all of them share. */
  async server(origin: string): Promise<oauth.AuthorizationServer> {
    const usual = {
      issuer: origin,
      authorization_endpoint: `${origin}/oauth/authorize`,
      token_endpoint: `${origin}/oauth/token`,
      revocation_endpoint: `${origin}/oauth/revoke`,
    };
    try {
      const issuer = new URL(origin);
      const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...this.#options });
      const found = await oauth.processDiscoveryResponse(issuer, response);
      const own = (url: string | undefined) => url === undefined || isOf(origin, url);
      const keeps =
        own(found.authorization_endpoint) && own(found.token_endpoint) && own(found.revocation_endpoint);
      return keeps ? { ...usual, ...found } : usual;
    } catch {
      // 404, HTML, or nonsense: older servers. One that is unreachable shows in the next request.
      return usual;
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
   * Whether the instance still knows the registration. Removed ones show their error to the user, in the browser, where
   * no program sees it, so this is asked before the user is sent there.
   */
  async knows(server: oauth.AuthorizationServer, app: RegisteredApp): Promise<boolean> {
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
      // Some do not offer this grant; only a plain answer counts. There is no grant here but the registration itself.
      const reason = failureOf(error);
      return reason !== 'invalid_client' && reason !== 'invalid_grant';
    }
  }

  /**
   * @param query of the callback.
   * @throws {OAuthFailed}
   */
  async exchange(
    server: oauth.AuthorizationServer,
    app: RegisteredApp,
    query: URLSearchParams,
    expected: { readonly state: string; readonly verifier: string; readonly redirectUri: string },
  ): Promise<TokenGrant> {
    const client = { client_id: app.clientId };
    return translating(async () => {
      const issuer = sameIssuer(server.issuer, query.get('iss'));
      const parameters = oauth.validateAuthResponse({ ...server, issuer }, client, query, expected.state);
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        oauth.ClientSecretPost(app.clientSecret),
        parameters,
        expected.redirectUri,
        expected.verifier,
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

function isOf(origin: string, url: string): boolean {
  return URL.canParse(url) && new URL(url).origin === origin;
}

/** Mastodon names itself with a slash at the end; without its metadata we do not. RFC 9207 wants the same string. */
function sameIssuer(own: string, named: string | null): string {
  const same = named !== null && URL.canParse(named) && new URL(named).href === new URL(own).href;
  return same ? named : own;
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

/** Null for what did not come from the library. */
function failureOf(error: unknown): OAuthFailure | null {
  // In the same form, but no refusal: it passes soon.
  if (error instanceof oauth.ResponseBodyError && error.status === 429) return 'instance_error';
  if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError) {
    switch (error.error) {
      case 'access_denied':
      case 'invalid_client':
      case 'invalid_grant':
        return error.error;
      // Pleroma's and Akkoma's word for a client, a code and a refresh token that they do not accept.
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
