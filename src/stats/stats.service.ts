import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { CacheRead } from '../cache/cache-read.js';
import type { CacheSpec } from '../cache/cache-spec.js';
import { CacheService } from '../cache/cache.service.js';
import { Clock } from '../common/clock.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CacheKeys } from '../outbox/cache-keys.js';
import { isPlatformChange } from '../outbox/change.js';
import { permittedPlatforms } from '../platforms/permitted-platforms.js';
import type { PlatformType } from '../platforms/platform-view.js';
import { PlatformNotFound } from '../platforms/platforms.errors.js';
import { PlatformsService } from '../platforms/platforms.service.js';
import { AccountSnapshots, type SnapshotOfDay } from '../snapshots/account-snapshots.js';
import { type PlatformStats, type StatsId, platformStatsKey, platformStatsSpec } from './platform-stats.js';

interface StatsRow {
  readonly platformName: string;
  readonly platformType: PlatformType;
  readonly kind: string | null;
  readonly status: string | null;
  readonly count: number;
}

// The condition includes the owner, so another user's platform looks absent.
const STATS_SQL = `
  SELECT p.name AS "platformName", p.platform_type AS "platformType", t.kind, t.status, coalesce(t.count, 0) AS count
  FROM platform_connections p LEFT JOIN platform_activity_totals t ON t.platform_id = p.id AND t.count > 0
  WHERE p.id = $1 AND p.user_id = $2`;

/** Statistics of a platform, read from the totals that the database maintains, and cached. */
@Injectable()
export class StatsService {
  private readonly spec: CacheSpec<StatsId, PlatformStats | null>;

  constructor(
    private readonly cache: CacheService,
    private readonly database: Database,
    private readonly platforms: PlatformsService,
    private readonly snapshots: AccountSnapshots,
    private readonly clock: Clock,
    cacheKeys: CacheKeys,
    config: AppConfig,
  ) {
    this.spec = platformStatsSpec(config.cache);
    cacheKeys.register(
      (change) => (isPlatformChange(change) ? [platformStatsKey(change)] : []),
      config.cache.statsTtlSeconds,
    );
  }

  /** Null for an absent platform and for another user's. */
  ofPlatform(userId: number, platformId: number): Promise<CacheRead<PlatformStats | null>> {
    return this.cache.read(this.spec, { userId, platformId }, () =>
      this.database.load((manager) => this.compute(manager, { userId, platformId })),
    );
  }

  /** Null when the user has no active platform that the caller may see. */
  async ofDefault(user: AuthUser): Promise<CacheRead<PlatformStats | null> | null> {
    const { value: platforms } = await permittedPlatforms(this.platforms.list(user.id), user);
    const [first] = platforms;
    return first === undefined ? null : this.ofPlatform(user.id, first.id);
  }

  /** @throws {PlatformNotFound} for an absent platform and for another user's. */
  async history(userId: number, platformId: number, days: number): Promise<SnapshotOfDay[]> {
    const history = await this.snapshots.history(userId, platformId, days);
    if (history === null) throw new PlatformNotFound();
    return history;
  }

  private async compute(
    manager: EntityManager,
    { userId, platformId }: StatsId,
  ): Promise<PlatformStats | null> {
    const rows = await manager.query<StatsRow[]>(STATS_SQL, [platformId, userId]);
    const [first] = rows;
    if (first === undefined) return null;
    const total = (kind: string): number => sum(rows.filter((row) => row.kind === kind));
    // `__proto__` cannot be an object key. Reports with it are rejected now, but older rows may still contain it.
    const statusesOf = ({ status }: StatsRow) => (status === null || status === '__proto__' ? [] : [status]);
    const statuses = [...new Set(rows.flatMap(statusesOf))].sort();
    return {
      userId,
      platformId,
      platformName: first.platformName,
      platformType: first.platformType,
      totalPosts: total('post'),
      totalImages: total('image'),
      processingRuns: total('processing_run'),
      byStatus: Object.fromEntries(
        statuses.map((status) => [status, sum(rows.filter((row) => row.status === status))]),
      ),
      account: await this.snapshots.latest(manager, platformId),
      computedAt: this.clock.now(),
    };
  }
}

function sum(rows: readonly StatsRow[]): number {
  return rows.reduce((total, { count }) => total + count, 0);
}
