import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { hashOf, newSecret } from '../common/secrets.js';
import { AppConfig } from '../config/app-config.js';
import { type CommittedChanges, SESSION_ENDED } from '../outbox/change.js';
import { isMarkedForCookie, markedForCookie } from './cookie-mark.js';
import { RefreshToken } from './refresh-token.entity.js';
import type { SignInOrigin } from './sign-in-origin.js';

/** Of one user. A sign-in beyond it ends the session that has been quiet for longest. */
export const MAX_SESSIONS = 100;
/**
 * For how long a token from a cookie may be exchanged once more. All tabs share the cookie and may refresh at the same moment,
 * and a page that is reloaded while it refreshes never gets the reply. A program's token has no such time.
 */
const COOKIE_GRACE_SECONDS = 30;
/** Expired rows deleted at each sign-in and each exchange. Each of these adds one row at most. */
const PURGE_BATCH_ROWS = 100;

/** What a session continues with. */
export interface Continued {
  readonly userId: number;
  readonly sessionId: number;
  readonly refreshToken: string;
}

/** All sessions of the user have been ended. */
export interface Reused {
  /** The user whose token it was. */
  readonly reusedFrom: number;
  readonly ended: CommittedChanges;
}

export interface Ended {
  readonly userId: number;
  readonly sessionId: number;
  readonly ended: CommittedChanges;
}

export interface Confirmed {
  readonly confirmedAt: Date;
  readonly changed: CommittedChanges;
}

interface EndedRow {
  readonly id: number;
  readonly familyId: string;
  readonly transactionId: string;
}

/** What has ended counts too while its entry may still be cached: then this repeats a request that was not confirmed. */
const LIVE_OR_CACHED = `(ended_at IS NULL OR EXISTS (
  SELECT 1 FROM platform_changes c
  WHERE c.user_id = $1 AND c.api_key_lookup = sessions.id::text AND c.type = '${SESSION_ENDED}' AND c.drained_at IS NULL))`;
/** With 0 seconds of grace only once, whichever of two transactions began first. */
const EXCHANGEABLE = `revoked_at IS NULL
  AND (used_at IS NULL OR ($6 > 0 AND used_at > now() - make_interval(secs => $6)))`;
const ENDED = 'id, family_id AS "familyId", pg_current_xact_id()::text AS "transactionId"';

/**
 * Sessions, and opaque refresh tokens with rotation and reuse detection (RFC 9700, section 4.14.2). All methods run in the
 * caller's transaction and use the database's clock, so all processes agree on what has expired. Each locks the session
 * before its tokens. So once a session is ended, no exchange can add a token that the end has missed.
 *
 * After the commit, what was ended goes to SessionsService.confirmEnd().
 */
@Injectable()
export class SessionWriter {
  readonly #ttlSeconds: number;

  constructor(config: AppConfig) {
    this.#ttlSeconds = config.tokens.refreshTtlSeconds;
  }

  async begin(userId: number, from: SignInOrigin, manager: EntityManager): Promise<Continued> {
    const secret = newSecret();
    const refreshToken = from.inCookie ? markedForCookie(secret) : secret;
    const [begun] = await manager.query<[{ sessionId: number }]>(
      `WITH begun AS (
         INSERT INTO sessions (user_id, family_id, device, address, expires_at)
         VALUES ($1, gen_random_uuid(), $4, $5, now() + make_interval(secs => $3)) RETURNING id, family_id, expires_at
       ), issued AS (
         INSERT INTO refresh_tokens (user_id, family_id, token_hash, expires_at)
         SELECT $1, family_id, $2, expires_at FROM begun
       )
       SELECT id AS "sessionId" FROM begun`,
      [userId, hashOf(refreshToken), this.#ttlSeconds, from.device, from.address],
    );
    // The outbox drops what is cached of these.
    await manager.query(
      `UPDATE sessions SET ended_at = now() WHERE id IN (
         SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now()
         ORDER BY last_seen_at DESC, id DESC OFFSET ${MAX_SESSIONS})`,
      [userId],
    );
    await this.purge(manager);
    return { userId, sessionId: begun.sessionId, refreshToken };
  }

  /**
   * Exchanges a token for its successor. A token used a second time was stolen or copied, so all sessions of its user end:
   * nobody can say what else the thief has. One from a cookie may be used again for a short time. A rejected token does not
   * throw, because the end still has to be committed.
   *
   * @returns null for an unknown, expired or revoked token, and for a user who is disabled.
   */
  async rotate(
    token: string,
    from: SignInOrigin,
    manager: EntityManager,
  ): Promise<Continued | Reused | null> {
    const inCookie = isMarkedForCookie(token);
    const secret = newSecret();
    const refreshToken = inCookie ? markedForCookie(secret) : secret;
    // If two requests send the same token, the second waits for the lock of the session and then finds the token used.
    // The session is missing where the previous release, which knew none, has issued the token.
    const [continued] = await manager.query<Omit<Continued, 'refreshToken'>[]>(
      `WITH presented AS (
         SELECT user_id, family_id FROM refresh_tokens
         WHERE token_hash = $1 AND ${EXCHANGEABLE} AND expires_at > now()
           AND EXISTS (SELECT 1 FROM users WHERE users.id = user_id AND disabled_at IS NULL)
       ), seen AS (
         INSERT INTO sessions AS known (user_id, family_id, device, address, expires_at)
         SELECT user_id, family_id, $4, $5, now() + make_interval(secs => $3) FROM presented
         ON CONFLICT (family_id) DO UPDATE SET last_seen_at = now(),
           device = excluded.device, address = excluded.address, expires_at = excluded.expires_at
         WHERE known.ended_at IS NULL
         RETURNING id, user_id, family_id, expires_at
       ), exchanged AS (
         UPDATE refresh_tokens SET used_at = coalesce(used_at, now()) FROM seen
         WHERE token_hash = $1 AND ${EXCHANGEABLE}
         RETURNING seen.*
       ), issued AS (
         INSERT INTO refresh_tokens (user_id, family_id, token_hash, expires_at)
         SELECT user_id, family_id, $2, expires_at FROM exchanged
       )
       SELECT id AS "sessionId", user_id AS "userId" FROM exchanged`,
      [
        ...[hashOf(token), hashOf(refreshToken), this.#ttlSeconds, from.device, from.address],
        inCookie ? COOKIE_GRACE_SECONDS : 0,
      ],
    );
    if (continued !== undefined) {
      await this.purge(manager);
      return { ...continued, refreshToken };
    }

    const rejected = await this.find(token, manager);
    // A token of a session that has ended tells nothing new, and must not let somebody end the others again and again.
    if (rejected === null || rejected.usedAt === null || rejected.revokedAt !== null) return null;
    const ended = await this.endAll(rejected.userId, manager);
    return { reusedFrom: rejected.userId, ended };
  }

  /** Records that its person has just proved who they are. @returns null if it has ended. */
  async confirm(userId: number, id: number, manager: EntityManager): Promise<Confirmed | null> {
    const [rows] = await manager.query<[(EndedRow & Pick<Confirmed, 'confirmedAt'>)[], number]>(
      `UPDATE sessions SET confirmed_at = now() WHERE user_id = $1 AND id = $2 AND ended_at IS NULL
       RETURNING ${ENDED}, confirmed_at AS "confirmedAt"`,
      [userId, id],
    );
    return rows[0] === undefined
      ? null
      : { confirmedAt: rows[0].confirmedAt, changed: changesOf(userId, rows) };
  }

  /** Ends the token's session. @returns null if there is none that has not ended. */
  async endOf(token: string, manager: EntityManager): Promise<Ended | null> {
    const found = await this.find(token, manager);
    if (found === null) return null;
    const { userId, familyId } = found;
    const rows = await this.update('family_id = $2', [userId, familyId], manager);
    await this.revoke('family_id = $2', [userId, familyId], manager);
    return rows[0] === undefined ? null : { userId, sessionId: rows[0].id, ended: changesOf(userId, rows) };
  }

  /** @returns null for a session that is absent, another user's, or has ended, which every process knows by now. */
  async end(userId: number, id: number, manager: EntityManager): Promise<CommittedChanges | null> {
    const rows = await this.update('id = $2', [userId, id], manager);
    if (rows[0] === undefined) return null;
    await this.revoke('family_id = $2', [userId, rows[0].familyId], manager);
    return changesOf(userId, rows);
  }

  /** @param except a session that goes on. */
  async endAll(
    userId: number,
    manager: EntityManager,
    except: number | null = null,
  ): Promise<CommittedChanges> {
    const rows = await this.update('id IS DISTINCT FROM $2::integer', [userId, except], manager);
    await this.revoke(
      'family_id IS DISTINCT FROM (SELECT family_id FROM sessions WHERE id = $2::integer)',
      [userId, except],
      manager,
    );
    return changesOf(userId, rows);
  }

  private find(token: string, manager: EntityManager): Promise<RefreshToken | null> {
    return manager.findOneBy(RefreshToken, { tokenHash: hashOf(token) });
  }

  private async update(
    which: string,
    parameters: readonly [userId: number, unknown],
    manager: EntityManager,
  ): Promise<EndedRow[]> {
    const [rows] = await manager.query<[EndedRow[], number]>(
      `UPDATE sessions SET ended_at = coalesce(ended_at, now())
       WHERE user_id = $1 AND ${which} AND ${LIVE_OR_CACHED} RETURNING ${ENDED}`,
      [...parameters],
    );
    return rows;
  }

  private async revoke(
    which: string,
    parameters: readonly [userId: number, unknown],
    manager: EntityManager,
  ): Promise<void> {
    await manager.query(
      `UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL AND ${which}`,
      [...parameters],
    );
  }

  // Bounded, so no single sign-in has to delete a year's worth of rows. Skips rows that another sign-in is deleting.
  private async purge(manager: EntityManager): Promise<void> {
    const expired = (table: string): string =>
      `DELETE FROM ${table} WHERE id IN (
         SELECT id FROM ${table} WHERE expires_at < now() - interval '1 day'
         ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
       )`;
    await manager.query(`WITH tokens AS (${expired('refresh_tokens')}) ${expired('sessions')}`, [
      PURGE_BATCH_ROWS,
    ]);
  }
}

function changesOf(userId: number, rows: readonly EndedRow[]): CommittedChanges {
  return {
    transactionId: rows[0]?.transactionId ?? '',
    changes: rows.map(({ id }) => ({ userId, sessionKey: String(id), type: SESSION_ENDED })),
  };
}
