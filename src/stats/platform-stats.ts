import { z } from 'zod';
import type { CacheSpec } from '../cache/cache-spec.js';
import { PLATFORM_TYPES } from '../platforms/platform-view.js';

const count = z.int().nonnegative();

export const platformStatsSchema = z.strictObject({
  /** Whose key it is stored under; not sent. First, so that it can be cut off the text. */
  userId: z.int().positive(),
  platformId: z.int().positive(),
  platformName: z.string(),
  platformType: z.enum(PLATFORM_TYPES),
  totalPosts: count,
  totalImages: count,
  processingRuns: count,
  /** Activities of every kind by their status. */
  byStatus: z.record(z.string(), count),
  /** What the instance says of the account; null until it has been asked. */
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

/** Soon asked again by whoever just tried a wrong id. */
const ABSENT_TTL_SECONDS = 30;

/** `platform_stats:<userId>:<platformId>`: short-lived, because counting is the dearest read there is, yet nobody needs it to the second. */
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
        throw new Error('The entry is of another user or platform');
      }
      return stats;
    },
  };
}

/** The JSON text that is sent, cut from the one that is stored. */
export function statsBody(raw: string): string {
  return `{${raw.slice(raw.indexOf(',') + 1)}`;
}

export function platformStatsKey({ userId, platformId }: StatsId): string {
  return `platform_stats:${userId}:${platformId}`;
}
