import type { CacheHealth } from '../cache/cache-health.js';

/**
 * How long cached values may be read after a look at the outbox. A writer that could not drop its keys waits for two seconds
 * (WRITER_WAIT_MS), and a look tolerates a change that has been pending for half a second (TOLERATED_LAG_SECONDS). A
 * tenth of a second is for clocks that run apart.
 */
const TRUST_MS = 1400;
/** If a look takes so long, the database counts as lost. */
const PATIENCE_MS = 250;
/** The same for a process that was frozen: it knows of nothing that took place before, so it waits for a slow answer. */
const PATIENCE_AFTER_FREEZE_MS = 2500;

/**
 * Cached values are read on trust: a look at the outbox is good for a moment, and a process that was frozen has to look
 * again before it reads the cache.
 */
export class CacheTrust {
  readonly #expires: boolean;

  constructor(
    private readonly health: CacheHealth,
    /** How often the outbox is looked at. If that is seldom, there are no other processes. */
    pollMs: number,
    /**
     * False goes on reading the cache while the database does not answer: this process cannot acknowledge a write then,
     * though another one may.
     */
    private readonly needsDatabase: boolean,
  ) {
    this.#expires = health.kind === 'redis' && pollMs < TRUST_MS;
  }

  /** @param atMs performance.now() before the outbox was looked at. It was found in order. */
  looked(atMs: number): void {
    if (this.#expires) this.health.trustedUntilMs = atMs + TRUST_MS;
  }

  /** Runs what looks at the outbox. @throws what it throws. */
  async during(look: () => Promise<void>): Promise<void> {
    let awakeAtMs = performance.now();
    let waitedMs = 0;
    let wasFrozen = false;
    const hasExpired = awakeAtMs > this.health.trustedUntilMs;
    /** @returns whether this process was frozen just now. */
    const wake = (): boolean => {
      const isLate = performance.now() - awakeAtMs > 2 * PATIENCE_MS;
      awakeAtMs = performance.now();
      wasFrozen ||= isLate;
      return isLate;
    };
    let timer: NodeJS.Timeout | undefined;
    const wait = (): void => {
      timer = setTimeout(() => {
        // The reply may lie unread in the socket.
        waitedMs = wake() ? 0 : waitedMs + PATIENCE_MS;
        if (waitedMs < (wasFrozen || hasExpired ? PATIENCE_AFTER_FREEZE_MS : PATIENCE_MS)) wait();
        else this.#lost();
      }, PATIENCE_MS);
    };
    wait();
    try {
      await look();
    } catch (error) {
      wake();
      // The server ends the connection of a process that is frozen in a transaction. It answers the next look.
      if (!wasFrozen) this.#lost();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Until the next look that succeeds. */
  #lost(): void {
    if (!this.needsDatabase) this.health.trustedUntilMs = Number.POSITIVE_INFINITY;
  }
}
