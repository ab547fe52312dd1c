import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { hashOf, newSecret } from '../common/secrets.js';
import { AppConfig } from '../config/app-config.js';
import { RefreshToken } from './refresh-token.entity.js';

/** Expired rows deleted at each sign-in and each exchange. Each of these adds only one row. */
const PURGE_BATCH_ROWS = 100;

interface Rotated {
  readonly userId: number;
  readonly token: string;
}

/** Its family has been revoked. */
interface Reused {
  /** The user whose token it was. */
  readonly reusedFrom: number;
}

/**
 * Opaque refresh tokens with rotation and reuse detection (RFC 9700, section 4.14.2). All methods run in the caller's
 * transaction and use the database's clock, so all processes agree on which tokens have expired.
 */
@Injectable()
export class RefreshTokensService {
  readonly #ttlSeconds: number;

  constructor(config: AppConfig) {
    this.#ttlSeconds = config.tokens.refreshTtlSeconds;
  }

  /** Issues the first token of a new family. */
  async issue(userId: number, manager: EntityManager): Promise<string> {
    const token = newSecret();
    await manager.query(
      `INSERT INTO refresh_tokens (user_id, family_id, token_hash, expires_at)
       VALUES ($1, $2, $3, now() + make_interval(secs => $4))`,
      [userId, randomUUID(), hashOf(token), this.#ttlSeconds],
    );
    await this.purge(manager);
    return token;
  }

  /**
   * Exchanges a token for its successor. A token used a second time was stolen or copied, so its family is revoked.
   * A rejected token does not throw, because the revocation still has to be committed.
   *
   * @returns null for an unknown, expired or revoked token.
   */
  async rotate(token: string, manager: EntityManager): Promise<Rotated | Reused | null> {
    const successor = newSecret();
    // One statement: if two requests send the same token, the second waits for the row lock and then finds it used.
    const rows = await manager.query<{ user_id: number }[]>(
      `WITH exchanged AS (
         UPDATE refresh_tokens SET used_at = now()
         WHERE token_hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > now()
         RETURNING user_id, family_id
       )
       INSERT INTO refresh_tokens (user_id, family_id, token_hash, expires_at)
       SELECT user_id, family_id, $2, now() + make_interval(secs => $3) FROM exchanged
       RETURNING user_id`,
      [hashOf(token), hashOf(successor), this.#ttlSeconds],
    );
    if (rows[0] !== undefined) {
      await this.purge(manager);
      return { userId: rows[0].user_id, token: successor };
    }

    const rejected = await this.find(token, manager);
    if (rejected === null || rejected.usedAt === null) return null;
    await this.revokeFamily(rejected.familyId, manager);
    return { reusedFrom: rejected.userId };
  }

  /** Ends the token's session, if it exists. */
  async revoke(token: string, manager: EntityManager): Promise<void> {
    const found = await this.find(token, manager);
    if (found !== null) await this.revokeFamily(found.familyId, manager);
  }

  /** Ends all sessions of a user. */
  async revokeAll(userId: number, manager: EntityManager): Promise<void> {
    await manager.query(
      'UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL',
      [userId],
    );
  }

  private find(token: string, manager: EntityManager): Promise<RefreshToken | null> {
    return manager.findOneBy(RefreshToken, { tokenHash: hashOf(token) });
  }

  // A rotation may commit while this UPDATE runs. The UPDATE has an older snapshot and misses the new successor. But the
  // rotation held the lock on the unrevoked predecessor, so the UPDATE waited for it and changed that row. So repeat the
  // UPDATE until it changes no row.
  private async revokeFamily(familyId: string, manager: EntityManager): Promise<void> {
    let changed: number;
    do {
      [, changed] = await manager.query<[unknown[], number]>(
        'UPDATE refresh_tokens SET revoked_at = now() WHERE family_id = $1 AND revoked_at IS NULL',
        [familyId],
      );
    } while (changed > 0);
  }

  // Bounded, so no single sign-in has to delete a year's worth of rows. Skips rows that another sign-in is deleting.
  private async purge(manager: EntityManager): Promise<void> {
    await manager.query(
      `DELETE FROM refresh_tokens WHERE id IN (
         SELECT id FROM refresh_tokens WHERE expires_at < now() - interval '1 day'
         ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
       )`,
      [PURGE_BATCH_ROWS],
    );
  }
}
