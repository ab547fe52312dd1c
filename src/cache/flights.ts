interface Lane<T> {
  next: Promise<T> | null;
  running: Promise<T>;
}

export interface Flight<T> {
  /** What it brings. */
  readonly result: Promise<T>;
  /** Whether another caller has started it. */
  readonly shared: boolean;
}

/**
 * One flight per key at a time. A caller that arrives while one is running does not join it, since that flight may
 * already have read a value that is older than a write acknowledged before this caller came. All such callers share
 * the next flight, which starts when the running one ends. Compare groupcache's singleflight, whose callers join.
 */
export class Flights<T> {
  readonly #lanes = new Map<string, Lane<T>>();

  /** Keys that are being read now. */
  get size(): number {
    return this.#lanes.size;
  }

  /**
   * @param fly never throws but rejects. It is given what the flight brought that it had to wait for; null if there was none, or if that one failed.
   * What `fly` throws, every caller that shares the flight is rejected with.
   */
  board(key: string, fly: (previous: T | null) => Promise<T>): Flight<T> {
    const lane = this.#lanes.get(key);
    if (lane === undefined) return { result: this.#start(key, fly, null), shared: false };
    if (lane.next !== null) return { result: lane.next, shared: true };
    const start = (previous: T | null): Promise<T> => this.#start(key, fly, previous);
    lane.next = lane.running.then(start, () => start(null));
    return { result: lane.next, shared: false };
  }

  #start(key: string, fly: (previous: T | null) => Promise<T>, previous: T | null): Promise<T> {
    const running = fly(previous);
    const lane: Lane<T> = { running, next: null };
    this.#lanes.set(key, lane);
    // Runs before `next` starts, because it was attached first. A lane with a `next` is replaced by it.
    const land = (): void => {
      if (lane.next === null) this.#lanes.delete(key);
    };
    running.then(land, land);
    return running;
  }
}
