import type { CacheService } from '../cache/cache.service.js';
import type { CacheKeys } from './cache-keys.js';
import { type ChangesPage, OUTBOX_START, type OutboxPosition, changesSince } from './outbox-queries.js';
import type { Query } from './outbox-session.js';

/** Rows of a page, which has each change once. Smaller ones take longer a row. */
const BATCH = 50_000;
/** Both bound a replay to a few seconds, in which reads go to the database. */
const MOST_PAGES = 5;
const MOST_KEYS = 100_000;
/** Added to the longest TTL: an entry may have been stored shortly after the change, and clocks differ a little. */
const MARGIN_SECONDS = 60;

/**
 * Drops again whatever was changed within the longest TTL: a Redis that was restarted or replaced may hold a state from before
 * drops that it had confirmed. If that is too much, no entry that was read before now is believed any more, so each is loaded
 * once more when it is read.
 *
 * @returns false if it was too much.
 * @throws when the database does not answer, or Redis fails again.
 */
export async function replayDrops(query: Query, cache: CacheService, keys: CacheKeys): Promise<boolean> {
  // One drop per key is enough: a filler that starts afterwards reads everything committed before, and later changes are
  // pending.
  const dropped = new Set<string>();
  let after: OutboxPosition | null = OUTBOX_START;
  for (let page = 1; after !== null && page <= MOST_PAGES; page++) {
    const { changes, end }: ChangesPage = await changesSince(
      query,
      keys.longestTtlSeconds + MARGIN_SECONDS,
      after,
      BATCH,
    );
    const stale = keys.of(changes).filter((key) => !dropped.has(key));
    if (dropped.size + stale.length > MOST_KEYS) break;
    await cache.drop(stale);
    for (const key of stale) dropped.add(key);
    after = end;
  }
  if (after === null) return true;
  cache.outdateAll();
  return false;
}
