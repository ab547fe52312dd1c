import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import type { InstanceAccount } from '../instances/account.js';
import { AccountSnapshot } from './account-snapshot.entity.js';

export interface AccountCounts {
  /** Null where the instance does not say. */
  readonly followers: number | null;
  readonly following: number | null;
  readonly statuses: number | null;
  readonly takenAt: Date;
}

export interface SnapshotOfDay extends AccountCounts {
  /** As 2026-11-22, in UTC. */
  readonly date: string;
}

/** The row as it was when its instance was asked. */
export interface AskedPlatform {
  readonly id: number;
  readonly accessToken: string;
  readonly instanceUrl: string;
}

const KEPT_DAYS = 400;
const BATCH = 5000;

// For the row that was asked about, if it is still there and still has that token.
const TAKE_SQL = `
  INSERT INTO account_snapshots (platform_id, taken_on, taken_at, account_id, followers, following, statuses)
  SELECT id, ($4::timestamptz AT TIME ZONE 'UTC')::date, $4, $5, $6, $7, $8 FROM platform_connections
  WHERE id = $1 AND access_token = $2 AND instance_url = $3 FOR KEY SHARE
  ON CONFLICT (platform_id, taken_on) DO UPDATE SET
    taken_at = excluded.taken_at, account_id = excluded.account_id, followers = excluded.followers,
    following = excluded.following, statuses = excluded.statuses
  WHERE account_snapshots.taken_at < excluded.taken_at
  RETURNING 1`;

// In the order of the statistics' schema: what is cached must read back as the same text.
const COLUMNS = 's.followers, s.following, s.statuses, s.taken_at AS "takenAt"';

// Of the account that the connection is to now; one that it was to before has no part in the series.
const LATEST_SQL = `
  SELECT ${COLUMNS} FROM account_snapshots s
  JOIN platform_connections p ON p.id = s.platform_id AND p.account_id = s.account_id
  WHERE s.platform_id = $1 ORDER BY s.taken_on DESC LIMIT 1`;

// The owner is part of the condition; a row without a snapshot says that the connection is there.
const HISTORY_SQL = `
  SELECT to_char(s.taken_on, 'YYYY-MM-DD') AS date, ${COLUMNS}
  FROM platform_connections p LEFT JOIN account_snapshots s ON s.platform_id = p.id AND s.account_id = p.account_id
    AND s.taken_on > (now() AT TIME ZONE 'UTC')::date - $3::integer
  WHERE p.id = $1 AND p.user_id = $2 ORDER BY s.taken_on`;

/** What accounts looked like, one snapshot a day; the last one of a day counts. */
@Injectable()
export class AccountSnapshots {
  constructor(private readonly database: Database) {}

  /** @returns whether there was something to keep, and the row still was as it was when it was asked about. */
  async take(
    manager: EntityManager,
    { id, accessToken, instanceUrl }: AskedPlatform,
    account: InstanceAccount,
    takenAt: Date,
  ): Promise<boolean> {
    const { followers, following, statuses } = account;
    if (followers === null && following === null && statuses === null) return false;
    const counts = [followers, following, statuses];
    const parameters = [id, accessToken, instanceUrl, takenAt, account.id, ...counts];
    return (await manager.query<unknown[]>(TAKE_SQL, parameters)).length > 0;
  }

  /** Of the account that is connected now; null when there is none. */
  async latest(manager: EntityManager, platformId: number): Promise<AccountCounts | null> {
    const [row] = await manager.query<AccountCounts[]>(LATEST_SQL, [platformId]);
    return row ?? null;
  }

  /** Of the last `days` days, today included, oldest first; null for an absent connection and another user's. */
  async history(userId: number, platformId: number, days: number): Promise<SnapshotOfDay[] | null> {
    const rows = await this.database.statement<SnapshotOfDay | (SnapshotOfDay & { date: null })>(
      HISTORY_SQL,
      [platformId, userId, days],
    );
    return rows.length === 0 ? null : rows.filter(({ date }) => date !== null);
  }

  /** Forgets what is known of an account that the connection no longer belongs to. */
  async removeAll(manager: EntityManager, platformId: number): Promise<void> {
    await manager.delete(AccountSnapshot, { platformId });
  }

  /** Removes old ones, a bounded number at a time. */
  async cleanUp(): Promise<void> {
    await this.database.statement(
      `DELETE FROM account_snapshots WHERE (platform_id, taken_on) IN (
         SELECT platform_id, taken_on FROM account_snapshots
         WHERE taken_on < (now() AT TIME ZONE 'UTC')::date - ${KEPT_DAYS} LIMIT ${BATCH})`,
    );
  }
}
