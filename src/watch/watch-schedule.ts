import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

export interface ClaimedCheck {
  readonly platformId: number;
  /** The token is to be refreshed first. */
  readonly refreshDue: boolean;
}

/** Rows that one statement plans or removes: each is short, however many are waiting. */
const BATCH = 5000;
/** A check that brought nothing does not repeat itself sooner, whatever the refresh of the token asks for. */
const SHORTEST_DELAY_SECONDS = 60;
/** Longer than the longest back-off: nobody has anything to do at such an instance any more. */
const FORGOTTEN = '3 days';

const ms = (parameter: string): string => `${parameter}::float8 * interval '1 millisecond'`;

// First checks are spread over the interval, however many connections come at once; none is at once, for whoever connects
// may test for himself.
const PLAN_SQL = `
  WITH unplanned AS (
    SELECT platform_id FROM platform_watch WHERE next_check_at IS NULL LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
  )
  UPDATE platform_watch w
  SET next_check_at = least(now() + (0.1 + 0.9 * random()) * ${ms('$1')}, refresh_at)
  FROM unplanned u WHERE w.platform_id = u.platform_id`;

// Otherwise those that were switched off would be looked at in every round.
const POSTPONE_SQL = `
  WITH inactive AS (
    SELECT w.platform_id FROM platform_watch w JOIN platform_connections c ON c.id = w.platform_id
    WHERE w.next_check_at <= now() AND NOT c.is_active LIMIT ${BATCH} FOR UPDATE OF w SKIP LOCKED
  )
  UPDATE platform_watch w SET next_check_at = now() + ${ms('$1')}
  FROM inactive i WHERE w.platform_id = i.platform_id`;

const DUE_INSTANCES_SQL = `
  SELECT c.instance_url AS origin
  FROM platform_watch w
  JOIN platform_connections c ON c.id = w.platform_id AND c.is_active
  LEFT JOIN instance_watch i ON i.instance_url = c.instance_url
  WHERE w.next_check_at <= now() AND (i.retry_at IS NULL OR i.retry_at <= now())
  GROUP BY c.instance_url ORDER BY min(w.next_check_at) LIMIT $1`;

// SELECT around UPDATE: its rows are what TypeORM answers.
const CLAIM_SQL = `
  WITH due AS (
    SELECT w.platform_id, w.next_check_at FROM platform_watch w JOIN platform_connections c ON c.id = w.platform_id
    WHERE c.instance_url = $1 AND c.is_active AND w.next_check_at <= now()
    ORDER BY w.next_check_at LIMIT $2 FOR UPDATE OF w SKIP LOCKED
  ), claimed AS (
    UPDATE platform_watch w SET next_check_at = now() + ${ms('$3')} FROM due WHERE w.platform_id = due.platform_id
    RETURNING w.platform_id, w.refresh_at, due.next_check_at AS due_at
  )
  SELECT platform_id AS "platformId", coalesce(refresh_at <= now(), false) AS "refreshDue" FROM claimed
  ORDER BY due_at`;

const CHECKED_SQL = `
  UPDATE platform_watch SET next_check_at =
    greatest(least(now() + ${ms('$2')}, refresh_at), now() + interval '${SHORTEST_DELAY_SECONDS} seconds')
  WHERE platform_id = $1`;

const ENTER_SQL = `
  INSERT INTO instance_watch AS known (instance_url, retry_at) VALUES ($1, now() + ${ms('$2')})
  ON CONFLICT (instance_url) DO UPDATE SET retry_at = excluded.retry_at WHERE known.retry_at <= now()
  RETURNING failures`;

/** What is due, by the clock of the database, which all processes share. Claims are leases: they pass by themselves. */
@Injectable()
export class WatchSchedule {
  constructor(private readonly database: Database) {}

  /** Gives new connections their first check, and puts off those that are not active. */
  async plan(intervalMs: number): Promise<void> {
    await this.database.statement(PLAN_SQL, [intervalMs]);
    await this.database.statement(POSTPONE_SQL, [intervalMs]);
  }

  /** Instances with something due that may be visited now, the longest overdue first. */
  async dueInstances(limit: number): Promise<string[]> {
    const rows = await this.database.statement<{ origin: string }>(DUE_INSTANCES_SQL, [limit]);
    return rows.map(({ origin }) => origin);
  }

  /** @returns how often in a row it was not found; null when somebody else is there, or it is to be left alone. */
  async enter(origin: string, leaseMs: number): Promise<number | null> {
    const [row] = await this.database.statement<{ failures: number }>(ENTER_SQL, [origin, leaseMs]);
    return row?.failures ?? null;
  }

  /** For whoever is there: stays longer. */
  async stay(origin: string, leaseMs: number): Promise<void> {
    await this.database.statement(
      `UPDATE instance_watch SET retry_at = now() + ${ms('$2')} WHERE instance_url = $1`,
      [origin, leaseMs],
    );
  }

  async leave(origin: string, failures: number, pauseMs: number): Promise<void> {
    await this.database.statement(
      `UPDATE instance_watch SET failures = $2, retry_at = now() + ${ms('$3')} WHERE instance_url = $1`,
      [origin, failures, pauseMs],
    );
  }

  claim(origin: string, limit: number, leaseMs: number): Promise<ClaimedCheck[]> {
    return this.database.statement<ClaimedCheck>(CLAIM_SQL, [origin, limit, leaseMs]);
  }

  /** The next check in `delayMs`, or when the token has to be refreshed. */
  async checked(platformId: number, delayMs: number): Promise<void> {
    await this.database.statement(CHECKED_SQL, [platformId, delayMs]);
  }

  /** Claimed in vain: due as before. */
  async giveBack(claimed: readonly ClaimedCheck[]): Promise<void> {
    if (claimed.length === 0) return;
    await this.database.statement(
      'UPDATE platform_watch SET next_check_at = now() WHERE platform_id = ANY($1::integer[])',
      [claimed.map(({ platformId }) => platformId)],
    );
  }

  /** @returns false when the token is not due any more, or somebody else is refreshing it. */
  async leaseRefresh(platformId: number, leaseMs: number): Promise<boolean> {
    const leased = await this.database.statement(
      `WITH leased AS (
         UPDATE platform_watch SET refresh_at = now() + ${ms('$2')}
         WHERE platform_id = $1 AND refresh_at <= now() RETURNING 1
       ) SELECT 1 FROM leased`,
      [platformId, leaseMs],
    );
    return leased.length > 0;
  }

  async pauseRefresh(platformId: number, pauseMs: number): Promise<void> {
    await this.database.statement(
      `UPDATE platform_watch SET refresh_at = now() + ${ms('$2')} WHERE platform_id = $1 AND refresh_at IS NOT NULL`,
      [platformId, pauseMs],
    );
  }

  /** Forgets instances that nobody has anything to do at. */
  async cleanUp(): Promise<void> {
    await this.database.statement(
      `DELETE FROM instance_watch WHERE instance_url IN (
         SELECT instance_url FROM instance_watch WHERE retry_at < now() - interval '${FORGOTTEN}' LIMIT ${BATCH})`,
    );
  }
}
