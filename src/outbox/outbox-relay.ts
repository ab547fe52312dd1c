import { Logger } from '@nestjs/common';
import { CacheUnavailable } from '../cache/cache-errors.js';
import type { CacheHealth } from '../cache/cache-health.js';
import type { CacheService } from '../cache/cache.service.js';
import { DatabaseUnavailable } from '../database/database-errors.js';
import type { CacheKeys } from './cache-keys.js';
import { DrainWaiters } from './drain-waiters.js';
import {
  type Backlog,
  type ChangesPage,
  OUTBOX_START,
  type OutboxPosition,
  backlog,
  changesSince,
  claimPending,
  deleteExpired,
  markDrained,
  pendingUsers,
  publishEvents,
} from './outbox-queries.js';
import type { OutboxSession } from './outbox-session.js';
import type { PublishedEvents } from './published-events.js';

const POLL_MS = 1000;
/** While something is pending that could not be drained. */
const RETRY_MS = 100;
const BATCH = 500;
/** Changes whose keys are dropped before the next statement; see LOCK_MS. Some three keys each, which the store sends at once. */
const PORTION = 30;
/** A change that is pending for longer means that dropping it failed somewhere: until it is done nothing cached is read. */
const TOLERATED_LAG_SECONDS = 0.5;
const CLEANUP_INTERVAL_MS = 60_000;
/** Few enough to take no time: new changes are waiting to be drained. */
const CLEANUP_BATCH = 1000;
const REPLAY_BATCH = 10_000;
/** Beyond the longest TTL: for entries that were stored a little after the change, and clocks that are not quite equal. */
const REPLAY_MARGIN_SECONDS = 60;
/** Of a replay, remembered so that none is dropped for each page that names it. Some ten megabytes. */
const REPLAYED_KEYS = 100_000;

/**
 * Carries out the invalidations that the outbox records: every process runs one, whoever is first does the work.
 *
 * It also keeps this process honest: as long as there are changes that nobody could carry out, the process reads no
 * cached value. A writer that could not drop its keys waits until all processes must have noticed (WRITER_WAIT_MS).
 */
export class OutboxRelay {
  readonly #logger = new Logger('Outbox');
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  #again = false;
  #recovering = false;
  #stopped = false;
  #state: Backlog = { pending: 0, lagSeconds: 0 };
  #failing = false;
  #cleanedUpAt = Number.NEGATIVE_INFINITY;
  readonly #waiters = new DrainWaiters((userIds) => this.#pendingUsers(userIds));

  constructor(
    private readonly session: OutboxSession,
    private readonly cache: CacheService,
    private readonly health: CacheHealth,
    private readonly keys: CacheKeys,
    private readonly events: PublishedEvents,
  ) {
    // Here and not in start(): the cache may be used for the first time before that, and that too is a recovery.
    health.onRecovery((serverChanged) => this.#recover(serverChanged));
  }

  /** As of the last look at the database. */
  get state(): Backlog {
    return this.#state;
  }

  start(): void {
    this.session.onNotification('platform_changes', () => this.kick());
    this.kick();
  }

  /** Look now. Harmless to call often: a run that is under way is repeated once. */
  kick(): void {
    if (this.#stopped) return;
    if (this.#running !== null) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (this.#stopped) return;
      if (this.#again) {
        this.#again = false;
        this.kick();
      } else {
        this.#timer = setTimeout(() => this.kick(), this.#state.pending > 0 ? RETRY_MS : POLL_MS);
      }
    });
  }

  /**
   * Resolves with true when no change of these users is pending, or with false after `maxWaitMs`.
   *
   * @throws {DatabaseUnavailable}
   */
  whenDrained(userIds: readonly number[], maxWaitMs: number): Promise<boolean> {
    return this.#waiters.wait(userIds, maxWaitMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.session.close();
  }

  async #run(): Promise<void> {
    try {
      // A recovery drains for itself; another one beside it, on the same connection, would only make it longer.
      const drained = !this.#recovering && (await this.#drain());
      if (!this.#recovering) this.#judge(drained);
      await this.#publish(!drained);
      await this.#cleanUp();
      if (this.#failing) this.#logger.log('The outbox is read again.');
      this.#failing = false;
    } catch (error) {
      // Without the database no write can be acknowledged either, so what is cached stays true. Said once, not a second.
      if (!this.#failing) this.#logger.warn(`The outbox cannot be read: ${String(error)}`);
      this.#failing = true;
    }
  }

  /** @returns false when what is pending could not be dropped. */
  async #drain(): Promise<boolean> {
    try {
      // Rows that this process cannot drop anyway are not locked away from a peer that can.
      if (this.health.state !== 'open') {
        // Judged at each look: many changes take long to drain, and until then the entries of most are there.
        while ((await this.#drainBatch()) === BATCH) this.#judge(true);
        return true;
      }
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
    }
    this.#state = await backlog(this.session.statement);
    return false;
  }

  #drainBatch(): Promise<number> {
    return this.session.transaction(async (query) => {
      const rows = await claimPending(query, BATCH);
      for (let start = 0; start < rows.length; start += PORTION) {
        const portion = rows.slice(start, start + PORTION);
        await this.cache.drop(this.keys.of(portion));
        await markDrained(query, portion);
      }
      this.#state = await backlog(query);
      return rows.length;
    });
  }

  /**
   * Also when nothing can be dropped: an outage of the cache is no reason to be silent for long. No more than a batch, for
   * new changes are waiting to be drained.
   */
  async #publish(undrained: boolean): Promise<void> {
    const published = await publishEvents(this.session.statement, BATCH, undrained);
    // The embedded database notifies nobody.
    if (published > 0) this.events.wake();
    if (published === BATCH) this.#again = true;
  }

  #judge(dropped: boolean): void {
    const { pending, lagSeconds } = this.#state;
    const behind = pending > 0 && (!dropped || lagSeconds > TOLERATED_LAG_SECONDS);
    if (behind && !this.health.behind)
      this.#logger.warn(
        'Changes wait for their cached entries to be dropped: until then nothing cached is read.',
      );
    if (!behind && this.health.behind)
      this.#logger.log('No change waits any more: cached values are read again.');
    this.health.behind = behind;
  }

  async #pendingUsers(userIds: readonly number[]): Promise<ReadonlySet<number>> {
    try {
      return await pendingUsers(this.session.statement, userIds);
    } catch (error) {
      throw new DatabaseUnavailable(error);
    }
  }

  async #cleanUp(): Promise<void> {
    if (performance.now() - this.#cleanedUpAt < CLEANUP_INTERVAL_MS) return;
    const deleted = await this.session.transaction((query) => deleteExpired(query, CLEANUP_BATCH));
    if (deleted === CLEANUP_BATCH) this.#again = true;
    else this.#cleanedUpAt = performance.now();
  }

  /**
   * After an outage of the cache, before anything cached is read. A server that was restarted or replaced may have come
   * back with a state from before invalidations that it had confirmed, so those are repeated.
   *
   * @throws when the database does not answer or Redis is gone again; the breaker tries again later.
   */
  async #recover(serverChanged: boolean): Promise<void> {
    this.#recovering = true;
    try {
      if (serverChanged) await this.#replay();
      while ((await this.#drainBatch()) === BATCH);
    } finally {
      this.#recovering = false;
    }
    this.#judge(true);
    // Younger ones are a busy system's normal state: their writers drop the keys themselves or have not answered yet.
    if (this.health.behind) throw new Error(`${this.#state.pending} invalidations are pending`);
  }

  async #replay(): Promise<void> {
    // Once is enough for a key: whatever fills its entry after that has read all that was committed before, and what is
    // committed later is pending.
    const dropped = new Set<string>();
    let after: OutboxPosition | null = OUTBOX_START;
    while (after !== null) {
      const page: ChangesPage = await changesSince(
        this.session.statement,
        this.keys.longestTtlSeconds + REPLAY_MARGIN_SECONDS,
        after,
        REPLAY_BATCH,
      );
      const keys = this.keys.of(page.changes).filter((key) => !dropped.has(key));
      await this.cache.drop(keys);
      if (dropped.size + keys.length > REPLAYED_KEYS) dropped.clear();
      for (const key of keys) dropped.add(key);
      after = page.end;
    }
  }
}
