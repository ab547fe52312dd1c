import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { hashOf, newSecret } from '../common/secrets.js';
import { AppConfig } from '../config/app-config.js';
import { RefreshToken } from './refresh-token.entity.js';

/** At each sign-in and each exchange, which add one. */
const PURGED_AT_ONCE = 100;

/**
 * Opaque refresh tokens with rotation and reuse detection (RFC 9700, section 4.14.2). All methods work in the caller's
 * transaction, by the database's clock, so that every process agrees on what has expired.
 */
@Injectable()
export class RefreshTokensService {
  readonly #ttlSeconds: number;

  constructor(config: AppConfig) {
    this.#ttlSeconds = config.tokens.refreshTtlSeconds;
  }

  /** Begins a family. */
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
   * Exchanges a token for its successor. A token that was exchanged before is in two hands: its family is revoked.
   * Refusal is null and not an error, because the transaction has to be committed all the same.
   */
  async rotate(
    token: string,
    manager: EntityManager,
  ): Promise<{ readonly userId: number; readonly token: string } | null> {
    const successor = newSecret();
    // One statement: of two requests with the same token the second waits for the row and then finds it used.
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

    const refused = await this.find(token, manager);
    if (refused !== null && refused.usedAt !== null) await this.revokeFamily(refused.familyId, manager);
    return null;
  }

  /** Ends the session that the token belongs to, if there is one. */
  async revoke(token: string, manager: EntityManager): Promise<void> {
    const found = await this.find(token, manager);
    if (found !== null) await this.revokeFamily(found.familyId, manager);
  }

  private find(token: string, manager: EntityManager): Promise<RefreshToken | null> {
    return manager.findOneBy(RefreshToken, { tokenHash: hashOf(token) });
  }

  // A rotation that commits meanwhile has a successor which the statement, begun earlier, does not see. But it held
  // the lock of its unrevoked predecessor, so the statement waited for it and changed a row: go on until none is left.
  private async revokeFamily(familyId: string, manager: EntityManager): Promise<void> {
    let changed: number;
    do {
      [, changed] = await manager.query<[unknown[], number]>(
        'UPDATE refresh_tokens SET revoked_at = now() WHERE family_id = $1 AND revoked_at IS NULL',
        [familyId],
      );
    } while (changed > 0);
  }

  // Bounded, so that no sign-in pays for a year of them; rows that another sign-in deletes are left to it.
  private async purge(manager: EntityManager): Promise<void> {
    await manager.query(
      `DELETE FROM refresh_tokens WHERE id IN (
         SELECT id FROM refresh_tokens WHERE expires_at < now() - interval '1 day'
         ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
       )`,
      [PURGED_AT_ONCE],
    );
  }
}
