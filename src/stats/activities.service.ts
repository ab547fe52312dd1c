import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { InvalidField } from '../common/domain-error.js';
import { Database } from '../database/database.js';
import { STATS_CHANGED } from '../outbox/change.js';
import { Invalidation } from '../outbox/invalidation.js';
import { PlatformNotFound } from '../platforms/platforms.errors.js';
import type { ActivityDto, ActivityOfDayDto, RecordedActivitiesDto } from './dto/activity.dto.js';

// The first key of our two-key advisory locks: "ACTV".
const PLATFORM_REPORTS_LOCK = 0x41435456;

/** Per connection, over all time. Workers choose the names freely, and all statuses are read and cached together. */
const MAX_STATUSES = 100;

// Repeating a stored report changes nothing; a different status or time updates it. `xmax` is zero for a row version that
// this statement inserted.
const RECORD_SQL = `
  INSERT INTO platform_activities AS stored (platform_id, kind, external_id, status, occurred_at)
  SELECT $1, kind, external_id, status, occurred_at
  FROM unnest($2::varchar[], $3::varchar[], $4::varchar[], $5::timestamptz[]) AS report (kind, external_id, status, occurred_at)
  ORDER BY kind, external_id
  ON CONFLICT (platform_id, kind, external_id) DO UPDATE SET status = excluded.status, occurred_at = excluded.occurred_at
  WHERE (stored.status, stored.occurred_at) IS DISTINCT FROM (excluded.status, excluded.occurred_at)
  RETURNING xmax = 0 AS created`;

// The condition includes the owner. A row without a day means that the connection exists but has no activity. Workers may
// report future activities, so the query stops at today; that also bounds it to the requested number of days.
const BY_DAY_SQL = `
  SELECT to_char(d.day, 'YYYY-MM-DD') AS date,
    coalesce(sum(d.count) FILTER (WHERE d.kind = 'post'), 0)::integer AS posts,
    coalesce(sum(d.count) FILTER (WHERE d.kind = 'image'), 0)::integer AS images,
    coalesce(sum(d.count) FILTER (WHERE d.kind = 'processing_run'), 0)::integer AS "processingRuns"
  FROM platform_connections p LEFT JOIN platform_activity_days d ON d.platform_id = p.id AND d.count > 0
    AND d.day > (now() AT TIME ZONE 'UTC')::date - $3::integer AND d.day <= (now() AT TIME ZONE 'UTC')::date
  WHERE p.id = $1 AND p.user_id = $2 GROUP BY d.day ORDER BY d.day`;

/** Records the activities that workers report, and counts them per day. */
@Injectable()
export class ActivitiesService {
  constructor(
    private readonly database: Database,
    private readonly invalidation: Invalidation,
  ) {}

  /**
   * Records a batch, all or nothing. If a batch reports the same activity twice, the last report wins.
   *
   * @throws {PlatformNotFound} for an absent platform and for another user's.
   * @throws {InvalidField} for too many different statuses.
   */
  async record(
    userId: number,
    platformId: number,
    activities: readonly ActivityDto[],
  ): Promise<RecordedActivitiesDto> {
    const last = new Map(
      activities.map((activity) => [JSON.stringify([activity.kind, activity.externalId]), activity]),
    );
    const batch = [...last.values()];
    const { rows, transactionId } = await this.database.transaction(async (manager) => {
      // The lock prevents the platform from being deleted before the activities that refer to it are committed.
      const owned = await manager.query<unknown[]>(
        'SELECT 1 FROM platform_connections WHERE id = $1 AND user_id = $2 FOR KEY SHARE',
        [platformId, userId],
      );
      if (owned.length === 0) throw new PlatformNotFound();
      // One report per platform at a time. Each updates the same few counts, first for stored activities, then for new ones.
      // Two reports with some of both could deadlock.
      const [locked] = await manager.query<[{ id: string }]>(
        'SELECT pg_advisory_xact_lock($1, $2), pg_current_xact_id()::text AS id',
        [PLATFORM_REPORTS_LOCK, platformId],
      );
      const recorded = await manager.query<{ created: boolean }[]>(RECORD_SQL, [
        platformId,
        batch.map(({ kind }) => kind),
        batch.map(({ externalId }) => externalId),
        batch.map(({ status }) => status),
        // In UTC: PostgreSQL refuses offsets beyond 15:59, which RFC 3339 allows.
        batch.map(({ occurredAt }) => new Date(occurredAt).toISOString()),
      ]);
      if (recorded.length > 0) await assertFewStatuses(manager, platformId);
      return { rows: recorded, transactionId: locked.id };
    });
    const changes = [{ userId, platformId, type: STATS_CHANGED }];
    await this.invalidation.afterCommit({ transactionId, changes });
    const created = rows.filter((row) => row.created).length;
    const updated = rows.length - created;
    return {
      received: activities.length,
      created,
      updated,
      unchanged: activities.length - created - updated,
    };
  }

  /**
   * Counts for the last `days` days including today, oldest first. Days without activity are left out.
   *
   * @throws {PlatformNotFound} for an absent platform and for another user's.
   */
  async byDay(userId: number, platformId: number, days: number): Promise<ActivityOfDayDto[]> {
    const rows = await this.database.statement<ActivityOfDayDto | (ActivityOfDayDto & { date: null })>(
      BY_DAY_SQL,
      [platformId, userId, days],
    );
    if (rows.length === 0) throw new PlatformNotFound();
    return rows.filter(({ date }) => date !== null);
  }
}

async function assertFewStatuses(manager: EntityManager, platformId: number): Promise<void> {
  const [{ count }] = await manager.query<[{ count: number }]>(
    'SELECT count(DISTINCT status)::integer AS count FROM platform_activity_totals WHERE platform_id = $1',
    [platformId],
  );
  if (count <= MAX_STATUSES) return;
  const detail = `the activities of a platform connection can have at most ${MAX_STATUSES} different statuses`;
  throw new InvalidField([{ pointer: '', detail }]);
}
