import type { CacheService } from '../cache/cache.service.js';
import type { CacheKeys } from './cache-keys.js';
import { type ChangesPage, OUTBOX_START, type OutboxPosition, changesSince } from './outbox-queries.js';
import type { Query } from './outbox-session.js';

/** Rows of a page, which has each change once. What a larger page costs less is in docs/performance.md. */
const BATCH = 50_000;
/** Added to the longest TTL: an entry may have been stored shortly after the change, and clocks differ a little. */
const MARGIN_SECONDS = 60;
/** Keys that a replay remembers, so that it drops none of them once per page. About ten megabytes. */
const REMEMBERED_KEYS = 100_000;

/**
 * Drops again whatever was changed within the longest TTL: a Redis that was restarted or replaced may hold a state from before
 * drops that it had confirmed.
 *
 * @throws when the database does not answer, or Redis fails again.
 */
export async function replayDrops(query: Query, cache: CacheService, keys: CacheKeys): Promise<void> {
  // One drop per key is enough: a filler that starts afterwards reads everything committed before, and later changes are
  // pending.
  const dropped = new Set<string>();
  let after: OutboxPosition | null = OUTBOX_START;
  while (after !== null) {
    const page: ChangesPage = await changesSince(
      query,
      keys.longestTtlSeconds + MARGIN_SECONDS,
      after,
      BATCH,
    );
    const stale = keys.of(page.changes).filter((key) => !dropped.has(key));
    await cache.drop(stale);
    if (dropped.size + stale.length > REMEMBERED_KEYS) dropped.clear();
    for (const key of stale) dropped.add(key);
    after = page.end;
  }
}
