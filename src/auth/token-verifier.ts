import { Injectable } from '@nestjs/common';
import { decodeJwt } from 'jose';
import { AppConfig } from '../config/app-config.js';
import type { AuthUser, TokenSource } from '../http/auth/auth-user.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { SessionVerifier } from '../sessions/session-verifier.js';
import { AccessTokens, type Claims } from './access-tokens.js';
import { API_KEY_PREFIX } from './api-key-format.js';
import { ApiKeyVerifier } from './api-key-verifier.js';
import { OidcTokens, type ProvidersUser } from './oidc-tokens.js';

/** Verifies any bearer token: an API key, our own access token, or one from the OpenID provider. */
@Injectable()
export class TokenVerifier {
  constructor(
    private readonly accessTokens: AccessTokens,
    private readonly apiKeys: ApiKeyVerifier,
    private readonly oidc: OidcTokens,
    private readonly sessions: SessionVerifier,
    private readonly config: AppConfig,
  ) {}

  /**
   * Returns without a promise for an access token that was verified before and whose session was read a moment ago.
   *
   * @throws {InvalidAccessToken | PolicyRefused | ServiceUnavailable} or rejects with it.
   */
  verify(token: string, from: TokenSource): AuthUser | Promise<AuthUser> {
    if (token.startsWith(API_KEY_PREFIX)) return this.apiKeys.verify(token, from);
    if (this.oidc.claims(token)) return this.verifyProviders(token);
    // A token issued before local accounts were disabled.
    if (!this.config.localAccountsEnabled) throw new InvalidAccessToken();
    const claims = this.accessTokens.verify(token);
    const userOf = ({ sessionId, userId }: Claims) => this.sessions.verify(sessionId, userId);
    return claims instanceof Promise ? claims.then(userOf) : userOf(claims);
  }

  /** The same, and asks the cache about the session of the user whom `verify` has returned. */
  async verifyAgain({ sessionId }: AuthUser, token: string, from: TokenSource): Promise<AuthUser> {
    if (sessionId !== undefined) this.sessions.forget([String(sessionId)]);
    return this.verify(token, from);
  }

  /** Expiry of a verified token. Null for an API key. Either may be refused before. */
  expiresAt(token: string): Date | null {
    if (token.startsWith(API_KEY_PREFIX)) return null;
    const { exp } = decodeJwt(token);
    return exp === undefined ? null : new Date(exp * 1000);
  }

  private verifyProviders(token: string): AuthUser | Promise<AuthUser> {
    const signedIn = this.oidc.verify(token);
    return signedIn instanceof Promise
      ? signedIn.then((verified) => this.userOfProvider(verified))
      : this.userOfProvider(signedIn);
  }

  private userOfProvider({
    userId,
    signedInAtMs: confirmedAtMs,
  }: ProvidersUser): AuthUser | Promise<AuthUser> {
    const user = this.sessions.verifyProviders(userId);
    return user instanceof Promise
      ? user.then((verified) => ({ ...verified, confirmedAtMs }))
      : { ...user, confirmedAtMs };
  }
}
