import { createSecretKey, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import { Installation } from '../common/installation.js';
import { AppConfig } from '../config/app-config.js';
import { type AuthUser, type Role, ROLES } from '../http/auth/auth-user.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';

const ALGORITHM = 'HS256';
/** Both issuer and audience. */
const NAME = 'platform-manager';
// About 400 bytes each.
const REMEMBERED_TOKENS = 10_000;

interface Verified {
  readonly user: AuthUser;
  readonly epoch: unknown;
  readonly expiresAtMs: number;
}

/**
 * Signs and verifies access tokens (JWT, RFC 7519). A role change takes effect when the token is next refreshed. A token
 * from before a restore of the database is refused: its account's id may be somebody else's now.
 */
@Injectable()
export class AccessTokens {
  readonly ttlSeconds: number;
  readonly #key: KeyObject;
  // Access tokens are never revoked one by one: of a token that was verified once, only the expiry and the epoch are checked again.
  readonly #remembered = new LRUCache<string, Verified>({ max: REMEMBERED_TOKENS });

  constructor(
    config: AppConfig,
    private readonly clock: Clock,
    private readonly installation: Installation,
  ) {
    this.ttlSeconds = config.tokens.accessTtlSeconds;
    this.#key = createSecretKey(config.tokens.jwtSecret, 'utf8');
  }

  async sign(user: { readonly id: number; readonly role: Role }): Promise<string> {
    const issuedAt = Math.floor(this.clock.now().getTime() / 1000);
    return new SignJWT({ role: user.role, epoch: this.installation.epoch })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setIssuer(NAME)
      .setAudience(NAME)
      .setSubject(String(user.id))
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + this.ttlSeconds)
      .sign(this.#key);
  }

  /**
   * Returns without a promise for a token that was verified before.
   *
   * @throws {InvalidAccessToken} or rejects with it.
   */
  verify(token: string): AuthUser | Promise<AuthUser> {
    const verified = this.#remembered.get(token);
    if (verified === undefined) return this.verifyAndRemember(token);
    const isLive = this.clock.now().getTime() < verified.expiresAtMs;
    if (isLive && verified.epoch === this.installation.epoch) return verified.user;
    this.#remembered.delete(token);
    throw new InvalidAccessToken();
  }

  private async verifyAndRemember(token: string): Promise<AuthUser> {
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: [ALGORITHM],
        issuer: NAME,
        audience: NAME,
        requiredClaims: ['sub', 'iat', 'exp'],
        currentDate: this.clock.now(),
      });
      const verified = readPayload(payload);
      if (verified.epoch !== this.installation.epoch) throw new InvalidAccessToken();
      this.#remembered.set(token, verified);
      return verified.user;
    } catch (error) {
      throw error instanceof errors.JOSEError ? new InvalidAccessToken() : error;
    }
  }
}

function readPayload({ sub = '', exp = 0, role, epoch }: JWTPayload): Verified {
  const validRole = ROLES.find((one) => one === role);
  if (validRole === undefined || !/^[1-9]\d{0,9}$/.test(sub)) throw new InvalidAccessToken();
  return {
    user: Object.freeze({ id: Number(sub), role: validRole, scopes: 'all' }),
    epoch,
    expiresAtMs: exp * 1000,
  };
}
