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

/** The limits that every request meets. They have counters of their own, so that a look-up makes no key. */
export type GeneralLimit = 'address' | 'user';

interface Counter {
  /** In the store. */
  readonly key: string;
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
  readonly #counters = {
    address: counters<string | number>(),
    user: counters<string | number>(),
    exact: counters<string>(),
  };
  readonly #unsynced = new Set<Counter>();
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | null = null;
  #started = false;

  constructor(
    private readonly store: CountingStore | null,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** From now on it synchronises by itself. */
  start(): void {
    this.#started = true;
  }

  async stop(): Promise<void> {
    this.#started = false;
    clearTimeout(this.#timer);
    await this.#syncing;
  }

  take(of: GeneralLimit, id: string | number, limit: number): Verdict {
    const now = this.nowMs();
    const counter =
      current(this.#counters[of], id, now) ?? this.begin(this.#counters[of], id, `${of}:${id}`, now);
    const admitted = counter.shared + counter.own < limit;
    if (admitted) {
      counter.own++;
      if (this.store !== null) this.leaveUnsynced(counter);
    }
    return verdict(counter, limit, admitted, now);
  }

  async takeExactly(key: string, limit: number): Promise<Verdict> {
    const { exact } = this.#counters;
    const now = this.nowMs();
    const counter = current(exact, key, now) ?? this.begin(exact, key, key, now);
    if (counter.shared + counter.own >= limit) return verdict(counter, limit, false, now);
    // Counted before the store replies, so that simultaneous requests count even if it never does.
    counter.own++;
    const counted = (await this.store?.add(counter.key, 1, WINDOW_MS)) ?? null;
    if (counted === null) return verdict(counter, limit, true, this.nowMs());
    counter.own = Math.max(0, counter.own - 1);
    this.adopt(counter, counted.total, counted.remainingMs);
    return verdict(counter, limit, counted.total <= limit, this.nowMs());
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
    const some = [...this.#unsynced].slice(0, MAX_SYNCED_AT_ONCE);
    for (const counter of some) this.#unsynced.delete(counter);
    await Promise.all(
      some.map(async (counter) => {
        const told = counter.own;
        // Of a window that has ended. The store has begun another one, which this would fill.
        if (told === 0 || counter.endsAtMs <= this.nowMs()) return;
        const counted = (await this.store?.add(counter.key, told, WINDOW_MS)) ?? null;
        if (counted === null) {
          this.leaveUnsynced(counter);
          return;
        }
        counter.own = Math.max(0, counter.own - told);
        this.adopt(counter, counted.total, counted.remainingMs);
        if (counter.own > 0) this.leaveUnsynced(counter);
      }),
    );
  }

  /** The timer runs only while there is something to tell: an idle process stays idle. */
  private leaveUnsynced(counter: Counter): void {
    this.#unsynced.add(counter);
    if (this.#started && this.#timer === undefined)
      this.#timer = setTimeout(this.#onTimer, SYNC_INTERVAL_MS).unref();
  }

  readonly #onTimer = (): void => {
    void this.sync().finally(() => {
      this.#timer = undefined;
      if (this.#started && this.#unsynced.size > 0)
        this.#timer = setTimeout(this.#onTimer, SYNC_INTERVAL_MS).unref();
    });
  };

  private adopt(counter: Counter, total: number, remainingMs: number): void {
    counter.shared = total;
    counter.endsAtMs = this.nowMs() + remainingMs;
  }

  private begin<Id extends string | number>(
    among: LRUCache<Id, Counter>,
    id: Id,
    key: string,
    now: number,
  ): Counter {
    const counter = { key: `rate_limit:${key}`, shared: 0, own: 0, endsAtMs: now + WINDOW_MS };
    among.set(id, counter);
    return counter;
  }
}

function counters<Id extends string | number>(): LRUCache<Id, Counter> {
  return new LRUCache<Id, Counter>({ maxSize: MAX_COUNTERS, sizeCalculation: () => 1 });
}

/** Undefined when no window is running. */
function current<Id extends string | number>(
  among: LRUCache<Id, Counter>,
  id: Id,
  now: number,
): Counter | undefined {
  const counter = among.get(id);
  return counter === undefined || counter.endsAtMs <= now ? undefined : counter;
}

function verdict({ shared, own, endsAtMs }: Counter, limit: number, admitted: boolean, now: number): Verdict {
  return {
    admitted,
    limit,
    remaining: Math.max(0, limit - shared - own),
    resetSeconds: Math.max(1, Math.ceil((endsAtMs - now) / 1000)),
  };
}
