import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import type { InstanceAccount } from '../instances/account.js';
import { AccountSnapshot } from './account-snapshot.entity.js';

export interface AccountCounts {
  /** Each count is null if the instance does not report it. */
  readonly followers: number | null;
  readonly following: number | null;
  readonly statuses: number | null;
  readonly takenAt: Date;
}

export interface SnapshotOfDay extends AccountCounts {
  /** YYYY-MM-DD, in UTC. */
  readonly date: string;
}

/** The connection as it was when it was checked. */
export interface CheckedPlatform {
  readonly id: number;
  readonly accessToken: string;
  readonly instanceUrl: string;
}

const RETENTION_DAYS = 400;
const BATCH = 5000;

// Inserts only if the connection still exists with the token and instance that were checked.
const TAKE_SQL = `
  INSERT INTO account_snapshots (platform_id, taken_on, taken_at, account_id, followers, following, statuses)
  SELECT id, ($4::timestamptz AT TIME ZONE 'UTC')::date, $4, $5, $6, $7, $8 FROM platform_connections
  WHERE id = $1 AND access_token = $2 AND instance_url = $3 FOR KEY SHARE
  ON CONFLICT (platform_id, taken_on) DO UPDATE SET
    taken_at = excluded.taken_at, account_id = excluded.account_id, followers = excluded.followers,
    following = excluded.following, statuses = excluded.statuses
  WHERE account_snapshots.taken_at < excluded.taken_at
  RETURNING 1`;

// In the order of the statistics schema, because a cached value must serialise to the same text.
const COLUMNS = 's.followers, s.following, s.statuses, s.taken_at AS "takenAt"';

// Only for the account currently connected. Snapshots of a previous account do not belong to the series.
const LATEST_SQL = `
  SELECT ${COLUMNS} FROM account_snapshots s
  JOIN platform_connections p ON p.id = s.platform_id AND p.account_id = s.account_id
  WHERE s.platform_id = $1 ORDER BY s.taken_on DESC LIMIT 1`;

// The condition includes the owner. A row without a date means that the connection exists but has no snapshots.
const HISTORY_SQL = `
  SELECT to_char(s.taken_on, 'YYYY-MM-DD') AS date, ${COLUMNS}
  FROM platform_connections p LEFT JOIN account_snapshots s ON s.platform_id = p.id AND s.account_id = p.account_id
    AND s.taken_on > (now() AT TIME ZONE 'UTC')::date - $3::integer
  WHERE p.id = $1 AND p.user_id = $2 ORDER BY s.taken_on`;

/** Stores one snapshot of each account a day. A later snapshot replaces an earlier one of the same day. */
@Injectable()
export class AccountSnapshots {
  constructor(private readonly database: Database) {}

  /** @returns false if the account has no counts, the connection has changed since, or a later snapshot exists. */
  async take(
    manager: EntityManager,
    { id, accessToken, instanceUrl }: CheckedPlatform,
    account: InstanceAccount,
    takenAt: Date,
  ): Promise<boolean> {
    const { followers, following, statuses } = account;
    if (followers === null && following === null && statuses === null) return false;
    const counts = [followers, following, statuses];
    const parameters = [id, accessToken, instanceUrl, takenAt, account.id, ...counts];
    return (await manager.query<unknown[]>(TAKE_SQL, parameters)).length > 0;
  }

  /** The latest snapshot of the account currently connected, or null. */
  async latest(manager: EntityManager, platformId: number): Promise<AccountCounts | null> {
    const [row] = await manager.query<AccountCounts[]>(LATEST_SQL, [platformId]);
    return row ?? null;
  }

  /**
   * Snapshots of the last `days` days including today, oldest first. Null if the connection does not exist or belongs to
   * another user.
   */
  async history(userId: number, platformId: number, days: number): Promise<SnapshotOfDay[] | null> {
    const rows = await this.database.statement<SnapshotOfDay | (SnapshotOfDay & { date: null })>(
      HISTORY_SQL,
      [platformId, userId, days],
    );
    return rows.length === 0 ? null : rows.filter(({ date }) => date !== null);
  }

  /** Deletes all snapshots of a connection, after it has moved to another account. */
  async removeAll(manager: EntityManager, platformId: number): Promise<void> {
    await manager.delete(AccountSnapshot, { platformId });
  }

  /** Deletes expired snapshots, at most one batch per call. */
  async cleanUp(): Promise<void> {
    await this.database.statement(
      `DELETE FROM account_snapshots WHERE (platform_id, taken_on) IN (
         SELECT platform_id, taken_on FROM account_snapshots
         WHERE taken_on < (now() AT TIME ZONE 'UTC')::date - ${RETENTION_DAYS} LIMIT ${BATCH})`,
    );
  }
}
