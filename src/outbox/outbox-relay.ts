import { Logger } from '@nestjs/common';
import { CacheUnavailable } from '../cache/cache-errors.js';
import type { CacheHealth } from '../cache/cache-health.js';
import type { CacheService } from '../cache/cache.service.js';
import { faultText } from '../common/fault-text.js';
import type { Installation } from '../common/installation.js';
import { OutageLog } from '../common/outage-log.js';
import { SingleRun } from '../common/single-run.js';
import { DatabaseUnavailable } from '../database/database-errors.js';
import type { CacheKeys } from './cache-keys.js';
import { DrainWaiters } from './drain-waiters.js';
import type { FollowedWrites } from './followed-writes.js';
import {
  type Backlog,
  type DroppedChanges,
  type OutboxPosition,
  backlog,
  claimPending,
  deleteExpired,
  markDrained,
  markDropped,
  newsSince,
  pendingUsers,
  publishEvents,
} from './outbox-queries.js';
import type { OutboxSession, Query } from './outbox-session.js';
import { replayDrops } from './replay-drops.js';

/**
 * How long a look at the outbox is good for. A writer that could not drop its keys waits for two seconds (WRITER_WAIT_MS), and
 * a look tolerates a change that has been pending for half a second (TOLERATED_LAG_SECONDS). A tenth of a second is for
 * clocks that run apart.
 */
const TRUST_MS = 1400;
/** While something is pending that could not be drained. */
const RETRY_MS = 100;
/** From one run to the next. Under load a run does what many writers ask for, so its statements are fewer. */
const PAUSE_MS = 20;
const BATCH = 500;
/** How long a change is left to its writer, who usually drops its keys within a few milliseconds of COMMIT. */
const WRITER_GRACE_MS = 100;
/** Transactions of writers that wait to be marked. The relay drops the keys of further ones again, which is harmless. */
const MAX_DROPPED = 10_000;
/** Changes whose keys are dropped between two statements; see LOCK_MS. Each has about three keys, sent in one pipeline. */
const PORTION = 30;
/** If a change is pending for longer, a drop has failed somewhere: until it is done, no cached value is read. */
const TOLERATED_LAG_SECONDS = 0.5;
const CLEANUP_INTERVAL_MS = 60_000;
/** Small, because new changes are waiting to be drained. */
const CLEANUP_BATCH = 1000;
/**
 * A drop is in the table within this time: a writer that takes longer finds that a relay has dropped its keys, and the
 * transaction of a relay that takes longer has ended (LOCK_MS).
 */
const NEWS_OVERLAP_SECONDS = 5;
const NEWS_BATCH = 1000;
/** Not at each run: what the overlap brings again would be read at each change. */
const NEWS_INTERVAL_MS = 500;

/**
 * Drops the keys of the changes in the outbox that their writers did not drop: SQL by hand, a writer that was killed or cut
 * off from Redis. Every process runs a relay; the first one to claim a change does the work.
 *
 * It also stops this process from reading cached values while changes are pending that no process could drop. A writer
 * that could not drop its keys waits until every process must have noticed (WRITER_WAIT_MS).
 */
export class OutboxRelay {
  readonly #logger = new Logger('Outbox');
  readonly #outage = new OutageLog(this.#logger, 'The outbox is read again.');
  readonly #runs = new SingleRun(() => this.#run());
  #timer: NodeJS.Timeout | undefined;
  /** performance.now() when the next run is due. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** performance.now() when the last one began. */
  #ranAt = Number.NEGATIVE_INFINITY;
  #dropped: DroppedChanges[] = [];
  #heard: OutboxPosition | null = null;
  #heardAt = Number.NEGATIVE_INFINITY;
  #recovering = false;
  #stopped = false;
  #state: Backlog = { pending: 0, lagSeconds: 0 };
  /** performance.now() before `#state` was read. */
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  readonly #trustMs: number;
  #cleanedUpAt = Number.NEGATIVE_INFINITY;
  readonly #waiters = new DrainWaiters((userIds) => this.#pendingUsers(userIds));

  constructor(
    private readonly session: OutboxSession,
    private readonly cache: CacheService,
    private readonly health: CacheHealth,
    private readonly keys: CacheKeys,
    private readonly installation: Installation,
    readonly followed: FollowedWrites,
    /** CACHE_NEEDS_DATABASE: cached values are read for a moment after each look at the outbox, and not without. */
    needsDatabase: boolean,
  ) {
    // A store in this process has no other writers, nor has a database that is looked at seldom.
    const expires = needsDatabase && health.kind === 'redis' && session.pollMs < TRUST_MS;
    this.#trustMs = expires ? TRUST_MS : Number.POSITIVE_INFINITY;
    this.#trust(Number.NEGATIVE_INFINITY);
    // Not in start(): the cache may be used before that, and its first use is a recovery too.
    health.onRecovery((serverChanged) => this.#recover(serverChanged));
  }

  /** As of the last run. */
  get state(): Backlog {
    return this.#state;
  }

  start(): void {
    this.session.onNotification('platform_changes', () => this.#notice());
    this.kick();
  }

  /** Runs as soon as it may: now, if the last run began long enough ago. */
  kick(): void {
    this.#runIn(Math.max(0, this.#ranAt + PAUSE_MS - performance.now()));
  }

  /** Tells the relay that a writer has dropped the keys of its transaction, so that no relay drops them again. */
  dropped(transaction: DroppedChanges): void {
    if (this.#dropped.length < MAX_DROPPED) this.#dropped.push(transaction);
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
    // What a writer has asked for.
    if (this.#dropped.length > 0) this.#runs.request();
    await this.#runs.idle();
    await this.session.close();
  }

  /** Looks at a change when its writer has had the time to drop its keys. That writer's relay gives the event its number. */
  #notice(): void {
    this.#runIn(WRITER_GRACE_MS);
  }

  /** Unless a run is due before. One that is overdue begins now. */
  #runIn(ms: number): void {
    const now = performance.now();
    if (this.#stopped || (this.#dueAt > now && this.#dueAt <= now + ms)) return;
    const waitMs = this.#dueAt <= now ? 0 : ms;
    clearTimeout(this.#timer);
    this.#dueAt = now + waitMs;
    if (waitMs === 0) this.#runs.request();
    else this.#timer = setTimeout(() => this.#runs.request(), waitMs);
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#ranAt = performance.now();
    try {
      await this.#look();
      this.#outage.succeeded();
    } catch (error) {
      this.#outage.failed(`The outbox cannot be read: ${faultText(error)}`);
    }
    this.#runIn(this.#state.pending > 0 ? RETRY_MS : this.session.pollMs);
  }

  async #look(): Promise<void> {
    await this.#markDropped();
    await this.#hear();
    // A recovery drains by itself; a second drain on the same connection would only delay it.
    const drained = !this.#recovering && (await this.#drain());
    if (!this.#recovering) this.#judge(drained);
    await this.#publish(!drained);
    void this.followed.look();
    await this.#cleanUp();
  }

  async #markDropped(): Promise<void> {
    const dropped = this.#dropped;
    if (dropped.length === 0) return;
    this.#dropped = [];
    // If this fails, a relay drops the keys once more.
    await markDropped(this.session.statement, dropped);
  }

  /**
   * Learns what other processes have dropped, so that an old entry that somebody puts back into Redis is not believed.
   * What was dropped before this process has started is dropped again by its first recovery.
   */
  async #hear(): Promise<void> {
    if (performance.now() - this.#heardAt < NEWS_INTERVAL_MS) return;
    let overlapSeconds = NEWS_OVERLAP_SECONDS;
    for (;;) {
      const sentAtMs = performance.now();
      const news = await newsSince(this.session.statement, this.#heard, overlapSeconds, NEWS_BATCH);
      const { name } = this.installation;
      this.installation.observe(news.installation, sentAtMs);
      if (this.installation.name !== name) {
        // Times and ids of another server say nothing about this one's.
        this.#heard = null;
        return;
      }
      for (const heard of news.dropped) {
        this.cache.outdate(this.keys.of([heard.change]), heard.atMs);
        this.followed.hear(heard);
      }
      this.#heard = news.end;
      if (news.dropped.length < NEWS_BATCH) break;
      overlapSeconds = 0;
      // After much was changed this takes long, and a writer that could not drop its keys does not wait for it.
      await this.#count(this.session.statement);
      this.#noticeLag();
    }
    this.#heardAt = performance.now();
  }

  /** @returns false when pending changes could not be dropped. */
  async #drain(): Promise<boolean> {
    // Before, and not only what is left after it: a drop that fails must not hide what waits for it.
    await this.#count(this.session.statement);
    this.#noticeLag();
    // With Redis out of reach, leave the rows to a peer: locking them would keep it from draining them.
    if (this.health.state === 'open') return false;
    if (this.#state.lagSeconds * 1000 < WRITER_GRACE_MS) return true;
    try {
      // Judged after each batch: a large backlog takes long to drain, and until then most of its entries are stale.
      while ((await this.#drainBatch(WRITER_GRACE_MS)) === BATCH) this.#judge(true);
      return true;
    } catch (error) {
      if (error instanceof CacheUnavailable) return false;
      throw error;
    }
  }

  #drainBatch(graceMs: number): Promise<number> {
    return this.session.transaction(async (query) => {
      const rows = await claimPending(query, BATCH, graceMs);
      for (let start = 0; start < rows.length; start += PORTION) {
        const portion = rows.slice(start, start + PORTION);
        await this.cache.drop(this.keys.of(portion));
        await markDrained(query, portion);
        this.#noticeLag();
      }
      await this.#count(query);
      return rows.length;
    });
  }

  async #count(query: Query): Promise<void> {
    const atMs = performance.now();
    this.#state = await backlog(query);
    this.#lookedAtMs = atMs;
  }

  /**
   * Also while nothing can be dropped: events go on during an outage of the cache. One batch per run, because new changes
   * are waiting to be drained.
   */
  async #publish(undrained: boolean): Promise<void> {
    const published = await publishEvents(this.session.statement, BATCH, undrained);
    if (published === BATCH) this.kick();
  }

  /** In the middle of a look, which may be a long one: what was pending when it was counted has grown older since. */
  #noticeLag(): void {
    const { pending, lagSeconds } = this.#state;
    const sinceSeconds = (performance.now() - this.#lookedAtMs) / 1000;
    if (pending > 0 && lagSeconds + sinceSeconds > TOLERATED_LAG_SECONDS) this.#setBehind(true);
  }

  #judge(dropped: boolean): void {
    const { pending, lagSeconds } = this.#state;
    const behind = pending > 0 && (!dropped || lagSeconds > TOLERATED_LAG_SECONDS);
    this.#setBehind(behind);
    this.#trust(this.#lookedAtMs);
  }

  #setBehind(behind: boolean): void {
    if (behind && !this.health.behind)
      this.#logger.warn(
        'Changes are waiting for their cached entries to be dropped. Until then no cached value is read.',
      );
    if (!behind && this.health.behind)
      this.#logger.log('No change is waiting any more: cached values are read again.');
    this.health.behind = behind;
  }

  #trust(lookedAtMs: number): void {
    if (Number.isFinite(this.#trustMs)) this.health.trustedUntilMs = lookedAtMs + this.#trustMs;
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
    if (deleted === CLEANUP_BATCH) this.kick();
    else this.#cleanedUpAt = performance.now();
  }

  async #replay(): Promise<void> {
    if (await replayDrops(this.session.statement, this.cache, this.keys)) return;
    this.#logger.warn(
      'Too much has changed to be dropped again: cached values from before now are not used.',
    );
  }

  /**
   * Runs after an outage of the cache, before any cached value is read. A server that was restarted or replaced may hold a
   * state from before invalidations that it had confirmed, so these are repeated.
   *
   * @throws when the database does not answer or Redis fails again; the breaker tries again later.
   */
  async #recover(serverChanged: boolean): Promise<void> {
    this.#recovering = true;
    try {
      if (serverChanged) await this.#replay();
      while ((await this.#drainBatch(0)) === BATCH);
    } finally {
      this.#recovering = false;
    }
    this.#judge(true);
    // Younger changes are normal in a busy system: their writers drop the keys or have not answered yet.
    if (this.health.behind) throw new Error(`${this.#state.pending} invalidations are pending`);
  }
}
