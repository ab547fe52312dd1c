import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { Presence } from '../instances/host-names.js';
import { CONFIRM } from '../platforms/checks/check-history.js';

export interface ClaimedCheck {
  readonly platformId: number;
  /** Whether to refresh the token before the check. */
  readonly refreshDue: boolean;
}

/** What is known of an instance when a visit begins. */
export interface EnteredInstance {
  /** Consecutive failed visits. */
  readonly failures: number;
  /** Whether its name has not existed for so long that the instance counts as gone. */
  readonly isGone: boolean;
}

/** Rows that one statement plans or deletes. Keeps each statement short, however many rows are waiting. */
const BATCH = 5000;
/** Minimum time until the next check, even if the token is due for a refresh, so that a failing refresh cannot loop. */
const SHORTEST_DELAY_SECONDS = 60;
/** Longer than the longest back-off, so such an instance has no checks left. */
const RETENTION = '3 days';
const GONE_AFTER = '30 days';

const ms = (parameter: string): string => `${parameter}::float8 * interval '1 millisecond'`;

// First checks are spread over the interval, however many connections are added at once. None runs immediately, because
// a user can test a new connection directly.
const PLAN_SQL = `
  WITH unplanned AS (
    SELECT platform_id FROM platform_watch WHERE next_check_at IS NULL LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
  )
  UPDATE platform_watch w
  SET next_check_at = least(now() + (0.1 + 0.9 * random()) * ${ms('$1')}, refresh_at)
  FROM unplanned u WHERE w.platform_id = u.platform_id`;

// Postpones checks of inactive connections; otherwise every round would read them again.
const POSTPONE_SQL = `
  WITH inactive AS (
    SELECT w.platform_id FROM platform_watch w JOIN platform_connections c ON c.id = w.platform_id
    WHERE w.next_check_at <= now() AND NOT c.is_active LIMIT ${BATCH} FOR UPDATE OF w SKIP LOCKED
  )
  UPDATE platform_watch w SET next_check_at = now() + ${ms('$1')}
  FROM inactive i WHERE w.platform_id = i.platform_id`;

/** Reads the index of an instance's checks from the first that is due. */
const dueSql = (instance: string): string => `
  FROM platform_watch w JOIN platform_connections c ON c.id = w.platform_id
  WHERE w.instance_url = ${instance} AND w.next_check_at <= now() AND c.is_active`;

// From instance to instance in the index, however much is due at each: at a large one, more than can ever be checked.
const DUE_INSTANCES_SQL = `
  WITH RECURSIVE instances AS (
    (SELECT instance_url AS url, next_check_at AS first_at FROM platform_watch
     ORDER BY instance_url, next_check_at LIMIT 1)
    UNION ALL
    SELECT next.* FROM instances CROSS JOIN LATERAL (
      SELECT instance_url, next_check_at FROM platform_watch WHERE instance_url > url
      ORDER BY instance_url, next_check_at LIMIT 1
    ) AS next
  ), waiting AS MATERIALIZED (
    SELECT url, (SELECT w.next_check_at ${dueSql('url')} ORDER BY w.next_check_at LIMIT 1) AS due_at
    FROM instances LEFT JOIN instance_watch i ON i.instance_url = url
    WHERE first_at <= now() AND (i.retry_at IS NULL OR i.retry_at <= now())
  )
  SELECT url FROM waiting WHERE due_at IS NOT NULL ORDER BY due_at LIMIT $1`;

const claimableSql = (condition: string): string => `
  SELECT w.platform_id, w.next_check_at ${dueSql('$1')} AND ${condition}
  ORDER BY w.next_check_at LIMIT $2 FOR UPDATE OF w SKIP LOCKED`;

// TypeORM returns only the rows of a SELECT, so one is wrapped around the UPDATE.
const CLAIM_SQL = `
  WITH to_confirm AS MATERIALIZED (${claimableSql('w.broken_checks = 1')}
  ), others AS MATERIALIZED (${claimableSql('w.broken_checks <> 1')}
  ), due AS (
    SELECT *, true AS is_to_confirm FROM to_confirm UNION ALL SELECT *, false FROM others
    ORDER BY is_to_confirm DESC, next_check_at LIMIT $2
  ), claimed AS (
    UPDATE platform_watch w SET next_check_at = now() + ${ms('$3')} FROM due WHERE w.platform_id = due.platform_id
    RETURNING w.platform_id, w.refresh_at, due.is_to_confirm, due.next_check_at AS due_at
  )
  SELECT platform_id AS "platformId", coalesce(refresh_at <= now(), false) AS "refreshDue" FROM claimed
  ORDER BY is_to_confirm DESC, due_at`;

const CHECKED_SQL = `
  UPDATE platform_watch SET next_check_at = CASE WHEN $3 AND broken_checks = 1 THEN now() + interval '${CONFIRM}'
    ELSE greatest(least(now() + ${ms('$2')}, refresh_at), now() + interval '${SHORTEST_DELAY_SECONDS} seconds') END
  WHERE platform_id = $1`;

const ENTER_SQL = `
  INSERT INTO instance_watch AS existing (instance_url, retry_at) VALUES ($1, now() + ${ms('$2')})
  ON CONFLICT (instance_url) DO UPDATE SET retry_at = excluded.retry_at WHERE existing.retry_at <= now()
  RETURNING failures, coalesce(vanished_at <= now() - interval '${GONE_AFTER}', false) AS "isGone"`;

const LEAVE_SQL = `
  UPDATE instance_watch SET failures = $2, retry_at = now() + ${ms('$3')},
    vanished_at = CASE $4 WHEN 'vanished' THEN coalesce(vanished_at, now()) WHEN 'unknown' THEN vanished_at END
  WHERE instance_url = $1`;

/** Plans checks by the clock of the database, which all processes share. Claims are leases and expire by themselves. */
@Injectable()
export class WatchSchedule {
  constructor(private readonly database: Database) {}

  /** Plans the first check of new connections and postpones those of inactive ones. */
  async plan(intervalMs: number): Promise<void> {
    await this.database.statement(PLAN_SQL, [intervalMs]);
    await this.database.statement(POSTPONE_SQL, [intervalMs]);
  }

  /** Instances that have due checks and may be visited now, longest overdue first. */
  async dueInstances(limit: number): Promise<string[]> {
    const due = await this.database.statement<{ url: string }>(DUE_INSTANCES_SQL, [limit]);
    return due.map(({ url }) => url);
  }

  /** @returns null if another process visits it, or its pause is not over. */
  async enter(origin: string, leaseMs: number): Promise<EnteredInstance | null> {
    const [entered] = await this.database.statement<EnteredInstance>(ENTER_SQL, [origin, leaseMs]);
    return entered ?? null;
  }

  /** Extends the lease of the running visit. */
  async stay(origin: string, leaseMs: number): Promise<void> {
    await this.database.statement(
      `UPDATE instance_watch SET retry_at = now() + ${ms('$2')} WHERE instance_url = $1`,
      [origin, leaseMs],
    );
  }

  async leave(origin: string, failures: number, pauseMs: number, presence: Presence): Promise<void> {
    await this.database.statement(LEAVE_SQL, [origin, failures, pauseMs, presence]);
  }

  claim(origin: string, limit: number, leaseMs: number): Promise<ClaimedCheck[]> {
    return this.database.statement<ClaimedCheck>(CLAIM_SQL, [origin, limit, leaseMs]);
  }

  /**
   * Plans the next check in `delayMs`, or earlier if the token is due for a refresh.
   *
   * @param toConfirm whether a first failed check is to be repeated at once.
   */
  async checked(platformId: number, delayMs: number, toConfirm = false): Promise<void> {
    await this.database.statement(CHECKED_SQL, [platformId, delayMs, toConfirm]);
  }

  /** Makes claimed checks due again. */
  async giveBack(claimed: readonly ClaimedCheck[]): Promise<void> {
    if (claimed.length === 0) return;
    await this.database.statement(
      'UPDATE platform_watch SET next_check_at = now() WHERE platform_id = ANY($1::integer[])',
      [claimed.map(({ platformId }) => platformId)],
    );
  }

  /** Deletes instances that have had no checks for a long time. */
  async cleanUp(): Promise<void> {
    await this.database.statement(
      `DELETE FROM instance_watch WHERE instance_url IN (
         SELECT instance_url FROM instance_watch WHERE retry_at < now() - interval '${RETENTION}' LIMIT ${BATCH})`,
    );
  }
}
