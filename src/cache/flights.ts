/** Null when nobody reads the key. */
interface Lane<T> {
  running: Promise<T> | null;
  next: Promise<T> | null;
}

export interface Flight<T> {
  /** What it brings. */
  readonly result: Promise<T>;
  /** Whether another caller has started it. */
  readonly shared: boolean;
}

const MAX_LANES = 10_000;

/**
 * One flight per key at a time. A caller that arrives while one is running does not join it, since that flight may
 * already have read a value that is older than a write acknowledged before this caller came. All such callers share
 * the next flight, which starts when the running one ends. Compare groupcache's singleflight, whose callers join.
 */
export class Flights<T> {
  // Lanes that are idle stay, up to a bound. Where they come and go, V8 makes a new table for the Map again and again, and
  // each old one refers to the next: once one of them is in the old generation, all tables after it and all that they hold
  // survive until the next full collection, at the price of a fifth of a hit's time.
  #lanes = new Map<string, Lane<T>>();

  /** Keys that are being read now. */
  get size(): number {
    return [...this.#lanes.values()].filter(isBusy).length;
  }

  /**
   * @param fly never throws but rejects. It is given what the flight brought that it had to wait for; null if there was
   * none, or if that one failed. What it rejects with, every caller that shares the flight is rejected with.
   */
  board(key: string, fly: (previous: T | null) => Promise<T>): Flight<T> {
    const lane = this.#lanes.get(key) ?? this.#newLane(key);
    if (lane.running === null) return { result: this.#start(lane, fly, null), shared: false };
    if (lane.next !== null) return { result: lane.next, shared: true };
    const start = (previous: T | null): Promise<T> => this.#start(lane, fly, previous);
    lane.next = lane.running.then(start, () => start(null));
    return { result: lane.next, shared: false };
  }

  #newLane(key: string): Lane<T> {
    if (this.#lanes.size >= MAX_LANES)
      this.#lanes = new Map([...this.#lanes].filter(([, lane]) => isBusy(lane)));
    const lane = { running: null, next: null };
    this.#lanes.set(key, lane);
    return lane;
  }

  #start(lane: Lane<T>, fly: (previous: T | null) => Promise<T>, previous: T | null): Promise<T> {
    const running = fly(previous);
    lane.running = running;
    lane.next = null;
    // Runs before `next` starts, because it was attached first.
    const land = (): void => {
      if (lane.next === null) lane.running = null;
    };
    running.then(land, land);
    return running;
  }
}

function isBusy({ running }: Lane<unknown>): boolean {
  return running !== null;
}
