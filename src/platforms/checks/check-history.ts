import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../../database/database.js';
import type { AccountCheck, CheckOutcome } from '../../instances/check-outcome.js';
import { PlatformNotFound } from '../platforms.errors.js';

/** Whose credentials were checked: they may be others by now. */
export interface CheckedConnection {
  readonly id: number;
  readonly accessToken: string;
  readonly instanceUrl: string;
}

/** Checks in a row that found the same. */
export interface CheckRun {
  readonly outcome: CheckOutcome;
  /** Of the last one. */
  readonly detail: string;
  readonly firstAt: Date;
  readonly lastAt: Date;
  readonly checks: number;
  /** Of the last one; null if it got no response. */
  readonly latencyMs: number | null;
}

/** Of a connection. */
const MAX_RUNS = 50;
const RETENTION = '90 days';

/** After a first failed check, which may be a moment's trouble, until the one that confirms it. */
export const CONFIRM = '5 seconds';

// Counts the failed checks in a row too, of which two are as good as any more, and plans the one that confirms the first.
// A rate limit says nothing about the connection. Nothing is written for credentials that are others by now.
const NOTE_SQL = `
  WITH checked AS (
    SELECT id FROM platform_connections WHERE id = $1 AND access_token = $2 AND instance_url = $3 FOR KEY SHARE
  ), latest AS (
    SELECT id, outcome FROM platform_checks WHERE platform_id = $1 ORDER BY id DESC LIMIT 1
  ), again AS (
    UPDATE platform_checks c SET detail = $5, last_at = $6, latency_ms = $7, checks = c.checks + 1
    FROM latest, checked WHERE c.id = latest.id AND latest.outcome = $4::varchar RETURNING c.id
  ), fresh AS (
    INSERT INTO platform_checks (platform_id, outcome, detail, first_at, last_at, latency_ms)
    SELECT id, $4::varchar, $5, $6, $6, $7 FROM checked WHERE NOT EXISTS (SELECT FROM again) RETURNING id
  ), old AS (
    DELETE FROM platform_checks WHERE EXISTS (SELECT FROM fresh) AND platform_id = $1
      AND (last_at < now() - interval '${RETENTION}' OR id IN (
        SELECT id FROM platform_checks WHERE platform_id = $1 ORDER BY id DESC OFFSET ${MAX_RUNS - 1}))
  ), condition AS (
    SELECT CASE $4::varchar WHEN 'connected' THEN 0 WHEN 'rate_limited' THEN broken_checks ELSE least(broken_checks + CASE WHEN $8 THEN 2 ELSE 1 END, 2) END AS broken
    FROM platform_watch JOIN checked ON platform_id = checked.id
  ), changed AS (
    UPDATE platform_watch SET broken_checks = broken, condition_at = now(),
      next_check_at = CASE broken WHEN 1 THEN least(next_check_at, now() + interval '${CONFIRM}') ELSE next_check_at END
    FROM condition WHERE platform_id = $1 AND broken_checks <> broken
  ) SELECT broken FROM condition`;

// The condition includes the owner. A row without an outcome means that the connection exists but was never checked.
const LIST_SQL = `
  SELECT outcome, detail, first_at AS "firstAt", last_at AS "lastAt", checks, latency_ms AS "latencyMs"
  FROM platform_connections p LEFT JOIN platform_checks c ON c.platform_id = p.id
  WHERE p.id = $1 AND p.user_id = $2 ORDER BY c.id DESC LIMIT ${MAX_RUNS}`;

/** What the checks of connections found, by the watcher or by a person: some 50 changes of each, for 90 days. */
@Injectable()
export class CheckHistory {
  constructor(private readonly database: Database) {}

  /**
   * @param isConfirmed whether something else has failed in the same way just now.
   * @returns whether this is a first failed check that nothing confirms so far.
   */
  async noteIn(
    manager: EntityManager,
    { id, accessToken, instanceUrl }: CheckedConnection,
    { outcome, detail, checkedAt, latencyMs }: AccountCheck,
    isConfirmed: boolean,
  ): Promise<boolean> {
    const found = [outcome, detail, checkedAt, latencyMs === null ? null : Math.round(latencyMs)];
    const values = [id, accessToken, instanceUrl, ...found, isConfirmed];
    const [noted] = await manager.query<{ broken: number }[]>(NOTE_SQL, values);
    return noted?.broken === 1;
  }

  /**
   * The latest first.
   *
   * @throws {PlatformNotFound}
   */
  async list(userId: number, platformId: number): Promise<CheckRun[]> {
    const rows = await this.database.statement<CheckRun | { readonly outcome: null }>(LIST_SQL, [
      platformId,
      userId,
    ]);
    if (rows.length === 0) throw new PlatformNotFound();
    return rows.filter((row) => row.outcome !== null);
  }
}
