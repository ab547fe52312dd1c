import { Injectable } from '@nestjs/common';
import { decodeJwt } from 'jose';
import { AppConfig } from '../config/app-config.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { AccessTokens } from './access-tokens.js';
import { API_KEY_PREFIX } from './api-key-format.js';
import { ApiKeyVerifier } from './api-key-verifier.js';
import { InvalidAccessToken } from './auth.errors.js';
import { OidcTokens } from './oidc-tokens.js';

/** Whatever may stand after `Bearer`: an API key, or an access token of ours or of the OpenID provider. */
@Injectable()
export class TokenVerifier {
  constructor(
    private readonly accessTokens: AccessTokens,
    private readonly apiKeys: ApiKeyVerifier,
    private readonly oidc: OidcTokens,
    private readonly config: AppConfig,
  ) {}

  /**
   * Answers at once for an access token that was verified before.
   *
   * @throws {InvalidAccessToken | IssuerUnavailable} also as a rejection.
   */
  verify(token: string): AuthUser | Promise<AuthUser> {
    if (token.startsWith(API_KEY_PREFIX)) return this.apiKeys.verify(token);
    if (this.oidc.claims(token)) return this.oidc.verify(token);
    // Issued before local accounts were switched off.
    if (!this.config.localAccountsEnabled) throw new InvalidAccessToken();
    return this.accessTokens.verify(token);
  }

  /** Of a token that was verified. Null for an API key: it can end at any time. */
  expiresAt(token: string): Date | null {
    if (token.startsWith(API_KEY_PREFIX)) return null;
    const { exp } = decodeJwt(token);
    return exp === undefined ? null : new Date(exp * 1000);
  }
}
