import { ServiceUnavailable } from '../common/domain-error.js';

/** Too many database loads are waiting for this one to be answered in time. */
export class DatabaseBusy extends ServiceUnavailable {
  override readonly code = 'database_busy';
  override readonly logLevel = 'debug';

  constructor() {
    super('The database is busy. Try again shortly.');
  }
}

const RECENT_LOADS = 16;

interface Waiter {
  readonly admit: () => void;
  readonly refuse: (error: DatabaseBusy) => void;
  readonly since: number;
}

export interface AdmissionOptions {
  /** Loads that may run at once; below the pool's size, so that writers always find a connection. */
  readonly concurrency: number;
  /** Longest time that a load may wait for its turn, in milliseconds. */
  readonly maxWaitMs: number;
}

/**
 * Bounds the loads that reach the connection pool. A thousand short loads may wait their turn; a load that cannot
 * come in time is refused at once instead of being left to time out.
 */
export class AdmissionGate {
  #running = 0;
  readonly #queue: Waiter[] = [];
  // How long the last loads held their places. The wait of a newcomer is estimated from the shortest: while a burst is
  // being received, the event loop keeps every load waiting, and a mean would refuse the whole burst for it.
  readonly #recentMs: number[] = [];
  #shortestMs = 1;
  #rejected = 0;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(private readonly options: AdmissionOptions) {}

  get concurrency(): number {
    return this.options.concurrency;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Loads refused since start. */
  get rejected(): number {
    return this.#rejected;
  }

  /** @throws {DatabaseBusy} when the wait would be, or was, longer than `maxWaitMs`. */
  async run<T>(load: () => Promise<T>): Promise<T> {
    if (this.#running >= this.options.concurrency) await this.#turn();
    else this.#running++;
    const started = performance.now();
    try {
      return await load();
    } finally {
      this.#note(performance.now() - started);
      this.#leave();
    }
  }

  #turn(): Promise<void> {
    const { concurrency, maxWaitMs } = this.options;
    const estimatedMs = ((this.#queue.length + 1) * this.#shortestMs) / concurrency;
    // An empty queue always takes one: its load corrects an estimate that a slow spell has left too high.
    if (this.#queue.length > 0 && estimatedMs > maxWaitMs) {
      this.#rejected++;
      return Promise.reject(new DatabaseBusy());
    }
    return new Promise((admit, refuse) => {
      this.#queue.push({ admit, refuse, since: performance.now() });
      this.#scheduleSweep();
    });
  }

  #note(durationMs: number): void {
    if (this.#recentMs.push(durationMs) > RECENT_LOADS) this.#recentMs.shift();
    this.#shortestMs = Math.min(...this.#recentMs);
  }

  // The place is handed over, not released: `#running` stays as it is when somebody waits.
  #leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#running--;
    else next.admit();
  }

  // One timer for the whole queue: waiters are in order of arrival, so the first is always the next to expire.
  #scheduleSweep(): void {
    const first = this.#queue[0];
    if (this.#sweeper !== undefined || first === undefined) return;
    const dueMs = Math.max(1, first.since + this.options.maxWaitMs - performance.now());
    this.#sweeper = setTimeout(() => {
      this.#sweeper = undefined;
      const oldest = performance.now() - this.options.maxWaitMs;
      for (let head = this.#queue[0]; head !== undefined && head.since <= oldest; head = this.#queue[0]) {
        this.#queue.shift();
        this.#rejected++;
        head.refuse(new DatabaseBusy());
      }
      this.#scheduleSweep();
    }, dueMs);
    this.#sweeper.unref();
  }
}
