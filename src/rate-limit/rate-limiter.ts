import { LRUCache } from 'lru-cache';
import type { CountingStore } from '../cache/counting-store.js';

export const WINDOW_MS = 60_000;
/** How often a process adds what it has admitted to the shared counts. */
const SYNC_INTERVAL_MS = 200;
/** A counter takes about 200 bytes. Beyond this number the least recently used ones are dropped. */
const MAX_COUNTERS = 50_000;
const MAX_SYNCED_AT_ONCE = 2000;

export interface Verdict {
  readonly admitted: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until the window ends, at least 1. */
  readonly resetSeconds: number;
}

interface Counter {
  /** Admitted by all processes, as of the last synchronisation. */
  shared: number;
  /** Admitted by this process since then. */
  own: number;
  endsAtMs: number;
}

/**
 * Counts requests in windows of a minute. A window starts with its first request.
 *
 * `take` decides at once from memory and updates the store in batches, so no request waits for Redis. All processes
 * together exceed the limit by at most the requests of one SYNC_INTERVAL_MS. `takeExactly` asks the store first.
 *
 * Without the store each process applies the limit by itself.
 */
export class RateLimiter {
  readonly #counters = new LRUCache<string, Counter>({ max: MAX_COUNTERS });
  readonly #unsynced = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | null = null;

  constructor(
    private readonly store: CountingStore | null,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  start(): void {
    if (this.store !== null) this.#timer = setInterval(() => void this.sync(), SYNC_INTERVAL_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#syncing;
  }

  take(key: string, limit: number): Verdict {
    const counter = this.counterOf(key);
    const admitted = counter.shared + counter.own < limit;
    if (admitted) {
      counter.own++;
      if (this.store !== null) this.#unsynced.add(key);
    }
    return this.verdict(counter, limit, admitted);
  }

  async takeExactly(key: string, limit: number): Promise<Verdict> {
    const counter = this.counterOf(key);
    if (counter.shared + counter.own >= limit) return this.verdict(counter, limit, false);
    // Counted before the store replies, so that simultaneous requests count even if it never does.
    counter.own++;
    const counted = (await this.store?.add(key, 1, WINDOW_MS)) ?? null;
    if (counted === null) return this.verdict(counter, limit, true);
    counter.own = Math.max(0, counter.own - 1);
    this.adopt(counter, counted.total, counted.remainingMs);
    return this.verdict(counter, limit, counted.total <= limit);
  }

  /** Adds to the store what this process has admitted, and adopts the totals of all processes. */
  async sync(): Promise<void> {
    if (this.#syncing !== null || this.#unsynced.size === 0) return;
    this.#syncing = this.syncSome().finally(() => {
      this.#syncing = null;
    });
    await this.#syncing;
  }

  private async syncSome(): Promise<void> {
    const keys = [...this.#unsynced].slice(0, MAX_SYNCED_AT_ONCE);
    for (const key of keys) this.#unsynced.delete(key);
    await Promise.all(
      keys.map(async (key) => {
        const counter = this.#counters.peek(key);
        if (counter === undefined || counter.own === 0) return;
        const told = counter.own;
        const counted = (await this.store?.add(key, told, WINDOW_MS)) ?? null;
        if (counted === null) {
          this.#unsynced.add(key);
          return;
        }
        counter.own = Math.max(0, counter.own - told);
        this.adopt(counter, counted.total, counted.remainingMs);
        if (counter.own > 0) this.#unsynced.add(key);
      }),
    );
  }

  private adopt(counter: Counter, total: number, remainingMs: number): void {
    counter.shared = total;
    counter.endsAtMs = this.nowMs() + remainingMs;
  }

  private counterOf(key: string): Counter {
    const now = this.nowMs();
    let counter = this.#counters.get(key);
    if (counter === undefined || counter.endsAtMs <= now) {
      counter = { shared: 0, own: 0, endsAtMs: now + WINDOW_MS };
      this.#counters.set(key, counter);
    }
    return counter;
  }

  private verdict({ shared, own, endsAtMs }: Counter, limit: number, admitted: boolean): Verdict {
    return {
      admitted,
      limit,
      remaining: Math.max(0, limit - shared - own),
      resetSeconds: Math.max(1, Math.ceil((endsAtMs - this.nowMs()) / 1000)),
    };
  }
}
