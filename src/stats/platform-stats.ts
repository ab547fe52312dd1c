import { z } from 'zod';
import type { CacheSpec } from '../cache/cache-spec.js';
import { PLATFORM_TYPES } from '../platforms/platform-view.js';

const count = z.int().nonnegative();

const platformStatsSchema = z.strictObject({
  /** The user in the cache key. Not sent: it comes first, so statsBody() can cut it off the text. */
  userId: z.int().positive(),
  platformId: z.int().positive(),
  platformName: z.string(),
  platformType: z.enum(PLATFORM_TYPES),
  totalPosts: count,
  totalImages: count,
  processingRuns: count,
  /** Activities of all kinds, counted by status. */
  byStatus: z.record(z.string(), count),
  /** Latest figures that the instance reported for the account; null before the first check. */
  account: z
    .strictObject({
      followers: count.nullable(),
      following: count.nullable(),
      statuses: count.nullable(),
      takenAt: z.iso.datetime().transform((text) => new Date(text)),
    })
    .nullable(),
  computedAt: z.iso.datetime().transform((text) => new Date(text)),
});

export type PlatformStats = Readonly<z.output<typeof platformStatsSchema>>;

export interface StatsId {
  readonly userId: number;
  readonly platformId: number;
}

/** A client that tried a wrong id is likely to repeat it soon. */
const ABSENT_TTL_SECONDS = 30;

/** `platform_stats:<userId>:<platformId>`. A short TTL: counting is the most expensive read, and nobody needs it to the second. */
export function platformStatsSpec(ttl: {
  readonly statsTtlSeconds: number;
}): CacheSpec<StatsId, PlatformStats | null> {
  const schema = platformStatsSchema.nullable();
  return {
    resource: 'platform_stats',
    key: platformStatsKey,
    ttlSeconds: (stats) => (stats === null ? ABSENT_TTL_SECONDS : ttl.statsTtlSeconds),
    encode: (stats) => JSON.stringify(stats),
    fingerprint: (stats) => JSON.stringify({ ...stats, computedAt: null }),
    decode: (raw, { userId, platformId }) => {
      const stats = schema.parse(JSON.parse(raw));
      if (stats !== null && (stats.userId !== userId || stats.platformId !== platformId)) {
        throw new Error('The entry belongs to another user or platform');
      }
      return stats;
    },
  };
}

/** The JSON text of the response: the cached text without its first field, `userId`. */
export function statsBody(raw: string): string {
  return `{${raw.slice(raw.indexOf(',') + 1)}`;
}

export function platformStatsKey({ userId, platformId }: StatsId): string {
  return `platform_stats:${userId}:${platformId}`;
}
