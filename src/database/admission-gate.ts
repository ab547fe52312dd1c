import { ServiceUnavailable } from '../common/domain-error.js';
import { AdmissionLane } from './admission-lane.js';

/** Too many loads and transactions are waiting for the database; this one could not be answered in time. */
export class DatabaseBusy extends ServiceUnavailable {
  override readonly code = 'database_busy';
  override readonly logLevel = 'debug';

  constructor() {
    super('The database is busy. Try again shortly.');
  }
}

/** A load takes a connection per statement; a transaction holds one. */
export const ADMISSION_KINDS = ['load', 'transaction'] as const;
export type AdmissionKind = (typeof ADMISSION_KINDS)[number];

export interface AdmissionOptions {
  /** The pool's size. No more run at once, because the pool's own queue is unbounded. */
  readonly connections: number;
  /** Longest wait for a turn, in milliseconds. */
  readonly maxWaitMs: number;
}

/**
 * Bounds what reaches the connection pool. A thousand short loads may wait their turn. A request that cannot be served in
 * time is refused immediately instead of being left to time out. Each kind leaves two connections, or a fifth of the pool,
 * to the other, so that loads find one while writers are held up, and the other way round.
 */
export class AdmissionGate {
  readonly #lanes: Readonly<Record<AdmissionKind, AdmissionLane>>;
  #rejected = 0;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(private readonly options: AdmissionOptions) {
    const { connections } = options;
    const limit = Math.max(1, connections - Math.max(2, Math.ceil(connections / 5)));
    this.#lanes = { load: new AdmissionLane(limit), transaction: new AdmissionLane(limit) };
  }

  figures(kind: AdmissionKind): { readonly running: number; readonly waiting: number } {
    const { running, waiting } = this.#lanes[kind];
    return { running, waiting };
  }

  /** Whether a background load would leave a place free for requests. */
  get hasRoomToSpare(): boolean {
    const { load, transaction } = this.#lanes;
    if (load.waiting + transaction.waiting > 0) return false;
    return load.running === 0 || load.running < load.limit - 1;
  }

  /** Number refused since start. */
  get rejected(): number {
    return this.#rejected;
  }

  /** @throws {DatabaseBusy} when the wait would be, or was, longer than `maxWaitMs`. */
  async run<T>(kind: AdmissionKind, work: () => Promise<T>): Promise<T> {
    const lane = this.#lanes[kind];
    if (this.#isOpen(lane)) lane.running++;
    else await this.#turn(lane);
    const started = performance.now();
    try {
      return await work();
    } finally {
      lane.leave(performance.now() - started);
      this.#admitNext();
    }
  }

  #isOpen(lane: AdmissionLane): boolean {
    const { load, transaction } = this.#lanes;
    return lane.running < lane.limit && load.running + transaction.running < this.options.connections;
  }

  #turn(lane: AdmissionLane): Promise<void> {
    // An empty queue always accepts one: its duration corrects an estimate that a slow spell has left too high.
    if (lane.waiting > 0 && lane.estimatedWaitMs > this.options.maxWaitMs) {
      this.#rejected++;
      return Promise.reject(new DatabaseBusy());
    }
    return new Promise((admit, refuse) => {
      lane.queue.push({ admit, refuse, since: performance.now() });
      this.#scheduleSweep();
    });
  }

  /** One place has become free: admits the waiter that came first, of those that may take it. */
  #admitNext(): void {
    const lane = first(Object.values(this.#lanes).filter((candidate) => this.#isOpen(candidate)));
    if (lane === undefined) return;
    lane.running++;
    lane.queue.shift()?.admit();
  }

  // One timer for all waiters: they are in order of arrival, so the first of a lane is always the next to expire.
  #scheduleSweep(): void {
    const since = first(Object.values(this.#lanes))?.queue[0]?.since;
    if (this.#sweeper !== undefined || since === undefined) return;
    const { maxWaitMs } = this.options;
    this.#sweeper = setTimeout(
      () => {
        this.#sweeper = undefined;
        for (const lane of Object.values(this.#lanes)) {
          for (const { refuse } of lane.expire(performance.now() - maxWaitMs)) {
            this.#rejected++;
            refuse(new DatabaseBusy());
          }
        }
        this.#scheduleSweep();
      },
      Math.max(1, since + maxWaitMs - performance.now()),
    );
    this.#sweeper.unref();
  }
}

/** The lane whose first waiter came first; undefined when no lane has a waiter. */
function first(lanes: readonly AdmissionLane[]): AdmissionLane | undefined {
  return lanes
    .filter(({ waiting }) => waiting > 0)
    .sort((a, b) => (a.queue[0]?.since ?? 0) - (b.queue[0]?.since ?? 0))[0];
}
