import { createSecretKey, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import { Installation } from '../common/installation.js';
import { AppConfig } from '../config/app-config.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { parseId } from '../http/id.pipe.js';

const ALGORITHM = 'HS256';
/** Both issuer and audience. */
const NAME = 'platform-manager';
// About 400 bytes each.
const REMEMBERED_TOKENS = 10_000;

/** Whom an access token names. Whether the session still counts is SessionVerifier's to say. */
export interface Claims {
  readonly userId: number;
  readonly sessionId: number;
}

interface Verified extends Claims {
  readonly epoch: unknown;
  readonly expiresAtMs: number;
}

/**
 * Signs and verifies access tokens (JWT, RFC 7519). A token from before a restore of the database is refused: its
 * account's id may be somebody else's now.
 */
@Injectable()
export class AccessTokens {
  readonly ttlSeconds: number;
  readonly #key: KeyObject;
  // Of a token that was verified once, only the expiry and the epoch are checked again.
  readonly #remembered = new LRUCache<string, Verified>({ max: REMEMBERED_TOKENS });

  constructor(
    config: AppConfig,
    private readonly clock: Clock,
    private readonly installation: Installation,
  ) {
    this.ttlSeconds = config.tokens.accessTtlSeconds;
    this.#key = createSecretKey(config.tokens.jwtSecret, 'utf8');
  }

  async sign({ userId, sessionId }: Claims): Promise<string> {
    const issuedAt = Math.floor(this.clock.now().getTime() / 1000);
    return new SignJWT({ sid: String(sessionId), epoch: this.installation.epoch })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setIssuer(NAME)
      .setAudience(NAME)
      .setSubject(String(userId))
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + this.ttlSeconds)
      .sign(this.#key);
  }

  /**
   * Returns without a promise for a token that was verified before.
   *
   * @throws {InvalidAccessToken} or rejects with it.
   */
  verify(token: string): Claims | Promise<Claims> {
    const verified = this.#remembered.get(token);
    if (verified === undefined) return this.verifyAndRemember(token);
    const isLive = this.clock.now().getTime() < verified.expiresAtMs;
    if (isLive && verified.epoch === this.installation.epoch) return verified;
    this.#remembered.delete(token);
    throw new InvalidAccessToken();
  }

  private async verifyAndRemember(token: string): Promise<Claims> {
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
      return verified;
    } catch (error) {
      throw error instanceof errors.JOSEError ? new InvalidAccessToken() : error;
    }
  }
}

function readPayload({ sub = '', exp = 0, sid, epoch }: JWTPayload): Verified {
  const userId = parseId(sub);
  const sessionId = typeof sid === 'string' ? parseId(sid) : null;
  if (userId === null || sessionId === null) throw new InvalidAccessToken();
  return { userId, sessionId, epoch, expiresAtMs: exp * 1000 };
}
