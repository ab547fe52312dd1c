import { Inject, Injectable } from '@nestjs/common';
import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import { AppConfig } from '../config/app-config.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { UsersService } from '../users/users.service.js';
import { InvalidAccessToken } from './auth.errors.js';
import { IssuerUnavailable, OidcIssuer } from './oidc-issuer.js';

/** Signatures by a private key only: with a symmetric one the issuer's public key could be taken for the secret. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Two servers' clocks. */
const CLOCK_TOLERANCE_SECONDS = 5;
const REMEMBERED_TOKENS = 10_000;
const MAX_SUBJECT_CHARACTERS = 255;

interface Verified {
  readonly user: AuthUser;
  readonly verifyAgainAtMs: number;
}

/** Access tokens of the OpenID provider that the configuration names. People are made on first sight. */
@Injectable()
export class OidcTokens {
  readonly #audience: string;
  readonly #rememberMs: number;
  readonly #remembered = new LRUCache<string, Verified>({ max: REMEMBERED_TOKENS });
  readonly #verifying = new Map<string, Promise<AuthUser>>();

  constructor(
    config: AppConfig,
    /** Null where none is configured. */
    @Inject(OidcIssuer) private readonly configured: OidcIssuer | null,
    private readonly users: UsersService,
    private readonly clock: Clock,
  ) {
    this.#audience = config.oidc?.audience ?? '';
    // As long as our own tokens: by then a change of role, and a key that the issuer withdrew, must show.
    this.#rememberMs = config.tokens.accessTtlSeconds * 1000;
  }

  /** Whether the token says it is from there. Only chooses who verifies it: nothing is believed yet. */
  claims(token: string): boolean {
    if (this.configured === null) return false;
    if (this.#remembered.has(token)) return true;
    try {
      return decodeJwt(token).iss === this.configured.issuer;
    } catch {
      return false;
    }
  }

  /**
   * Answers at once for a token that was verified before.
   *
   * @throws {InvalidAccessToken | IssuerUnavailable} as a rejection.
   */
  verify(token: string): AuthUser | Promise<AuthUser> {
    const nowMs = this.clock.now().getTime();
    const verified = this.#remembered.get(token);
    if (verified !== undefined && nowMs < verified.verifyAgainAtMs) return verified.user;
    let verifying = this.#verifying.get(token);
    if (verifying === undefined) {
      verifying = this.verifyAndRemember(token).finally(() => this.#verifying.delete(token));
      this.#verifying.set(token, verifying);
    }
    return verifying;
  }

  private async verifyAndRemember(token: string): Promise<AuthUser> {
    this.#remembered.delete(token);
    const { sub, exp, email } = await this.payloadOf(token);
    const account = await this.users.admitOidc({ issuer: this.issuer.issuer, subject: sub, email });
    const user: AuthUser = Object.freeze({ id: account.id, role: account.role, scopes: 'all' });
    const verifyAgainAtMs = Math.min(exp * 1000, this.clock.now().getTime() + this.#rememberMs);
    this.#remembered.set(token, { user, verifyAgainAtMs });
    return user;
  }

  private async payloadOf(token: string): Promise<{ sub: string; exp: number; email: string | null }> {
    try {
      const { payload } = await jwtVerify(token, this.issuer.key, {
        algorithms: ALGORITHMS,
        issuer: this.issuer.issuer,
        audience: this.#audience,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: this.clock.now(),
      });
      const { sub = '', exp = 0 } = payload;
      if (sub === '' || sub.length > MAX_SUBJECT_CHARACTERS || !sub.isWellFormed() || sub.includes('\0')) {
        throw new InvalidAccessToken();
      }
      return { sub, exp, email: verifiedEmail(payload) };
    } catch (error) {
      if (error instanceof IssuerUnavailable) throw error;
      throw error instanceof errors.JOSEError ? new InvalidAccessToken() : error;
    }
  }

  private get issuer(): OidcIssuer {
    if (this.configured === null) throw new Error('There is no OIDC_ISSUER.');
    return this.configured;
  }
}

/** An address that nobody has confirmed might be somebody else's. */
function verifiedEmail({ email, email_verified: verified }: JWTPayload): string | null {
  return verified === true && typeof email === 'string' ? email : null;
}
