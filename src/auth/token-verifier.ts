import { Injectable } from '@nestjs/common';
import { decodeJwt } from 'jose';
import { AppConfig } from '../config/app-config.js';
import type { AuthUser, TokenSource } from '../http/auth/auth-user.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { AccessTokens } from './access-tokens.js';
import { API_KEY_PREFIX } from './api-key-format.js';
import { ApiKeyVerifier } from './api-key-verifier.js';
import { OidcTokens } from './oidc-tokens.js';

/** Verifies any bearer token: an API key, our own access token, or one from the OpenID provider. */
@Injectable()
export class TokenVerifier {
  constructor(
    private readonly accessTokens: AccessTokens,
    private readonly apiKeys: ApiKeyVerifier,
    private readonly oidc: OidcTokens,
    private readonly config: AppConfig,
  ) {}

  /**
   * Returns without a promise for an access token that was verified before.
   *
   * @throws {InvalidAccessToken | PolicyRefused | IssuerUnavailable} or rejects with it.
   */
  verify(token: string, from: TokenSource): AuthUser | Promise<AuthUser> {
    if (token.startsWith(API_KEY_PREFIX)) return this.apiKeys.verify(token, from);
    if (this.oidc.claims(token)) return this.oidc.verify(token);
    // A token issued before local accounts were disabled.
    if (!this.config.localAccountsEnabled) throw new InvalidAccessToken();
    return this.accessTokens.verify(token);
  }

  /** Expiry of a verified token. Null for an API key, which can be revoked at any time. */
  expiresAt(token: string): Date | null {
    if (token.startsWith(API_KEY_PREFIX)) return null;
    const { exp } = decodeJwt(token);
    return exp === undefined ? null : new Date(exp * 1000);
  }
}
