import { Inject, Injectable } from '@nestjs/common';
import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import { AppConfig } from '../config/app-config.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { UsersService } from '../users/users.service.js';
import { isPersonsAccessToken, type OidcRules } from './oidc-claims.js';
import { IssuerUnavailable, OidcIssuer } from './oidc-issuer.js';

/** Asymmetric algorithms only: with HMAC, an attacker could use the issuer's public key as the secret. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Allowed difference between the issuer's clock and ours. */
const CLOCK_TOLERANCE_SECONDS = 5;
const REMEMBERED_TOKENS = 10_000;
const MAX_SUBJECT_CHARACTERS = 255;

export interface ProvidersUser {
  readonly userId: number;
  /** Unix milliseconds: when they signed in at the provider, or when it issued the token if it does not say. */
  readonly signedInAtMs: number;
}

interface Verified extends ProvidersUser {
  readonly verifyAgainAtMs: number;
}

/** Verifies access tokens of the configured OpenID provider. Creates the account when a user first appears. */
@Injectable()
export class OidcTokens {
  readonly #audience: string;
  readonly #rules: OidcRules;
  readonly #rememberMs: number;
  readonly #remembered = new LRUCache<string, Verified>({ max: REMEMBERED_TOKENS });
  readonly #verifying = new Map<string, Promise<ProvidersUser>>();

  constructor(
    config: AppConfig,
    /** Null if none is configured. */
    @Inject(OidcIssuer) private readonly configured: OidcIssuer | null,
    private readonly users: UsersService,
    private readonly clock: Clock,
  ) {
    this.#audience = config.oidc?.audience ?? '';
    this.#rules = config.oidc ?? { clients: new Set(), requiredScope: null };
    // The lifetime of our own access tokens: by then, withdrawn issuer keys must take effect.
    this.#rememberMs = config.tokens.accessTtlSeconds * 1000;
  }

  /** Whether the token claims to come from the provider. Only selects the verifier; nothing in the token is trusted yet. */
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
   * Returns without a promise for a token that was verified before. Otherwise rejects with:
   *
   * @throws {InvalidAccessToken | IssuerUnavailable}
   */
  verify(token: string): ProvidersUser | Promise<ProvidersUser> {
    const nowMs = this.clock.now().getTime();
    const verified = this.#remembered.get(token);
    if (verified !== undefined && nowMs < verified.verifyAgainAtMs) return verified;
    let verifying = this.#verifying.get(token);
    if (verifying === undefined) {
      verifying = this.verifyAndRemember(token).finally(() => this.#verifying.delete(token));
      this.#verifying.set(token, verifying);
    }
    return verifying;
  }

  private async verifyAndRemember(token: string): Promise<ProvidersUser> {
    this.#remembered.delete(token);
    const { sub, exp, email, signedInAtMs } = await this.payloadOf(token);
    const { id: userId } = await this.users.admitOidc({ issuer: this.issuer.issuer, subject: sub, email });
    const verifyAgainAtMs = Math.min(exp * 1000, this.clock.now().getTime() + this.#rememberMs);
    const verified = { userId, signedInAtMs, verifyAgainAtMs };
    this.#remembered.set(token, verified);
    return verified;
  }

  private async payloadOf(token: string): Promise<{
    sub: string;
    exp: number;
    email: string | null;
    signedInAtMs: number;
  }> {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, this.issuer.key, {
        algorithms: ALGORITHMS,
        issuer: this.issuer.issuer,
        audience: this.#audience,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: this.clock.now(),
      });
      if (!isPersonsAccessToken(protectedHeader, payload, this.#rules)) throw new InvalidAccessToken();
      const { sub = '', exp = 0 } = payload;
      if (sub === '' || sub.length > MAX_SUBJECT_CHARACTERS || !sub.isWellFormed() || sub.includes('\0')) {
        throw new InvalidAccessToken();
      }
      return { sub, exp, email: verifiedEmail(payload), signedInAtMs: signedInAtMs(payload) };
    } catch (error) {
      if (error instanceof IssuerUnavailable) throw error;
      throw error instanceof errors.JOSEError ? new InvalidAccessToken() : error;
    }
  }

  private get issuer(): OidcIssuer {
    if (this.configured === null) throw new Error('OIDC_ISSUER is not set.');
    return this.configured;
  }
}

/** `auth_time`: OpenID Connect Core, section 2; RFC 9068, section 2.2.1. */
function signedInAtMs({ auth_time: signedIn, iat = 0 }: JWTPayload): number {
  return (typeof signedIn === 'number' ? signedIn : iat) * 1000;
}

/** Null for an unverified address: it might belong to someone else. */
function verifiedEmail({ email, email_verified: verified }: JWTPayload): string | null {
  return verified === true && typeof email === 'string' ? email : null;
}
