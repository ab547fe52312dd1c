interface KeyFlights<T> {
  /** Null while nobody reads the key. */
  running: Promise<T> | null;
  next: Promise<T> | null;
}

export interface Flight<T> {
  readonly result: Promise<T>;
  /** Whether another caller started the flight. */
  readonly shared: boolean;
}

const MAX_KEYS = 10_000;

/**
 * At most one flight per key at a time. A caller that arrives during a flight does not join it:
 *
 * 1. The flight reads the old value.
 * 2. A write is acknowledged.
 * 3. The caller arrives. The old value is stale for it.
 *
 * All callers that arrive during a flight share the next one, which starts when the running one ends. Compare
 * groupcache's singleflight, whose callers join.
 */
export class Flights<T> {
  // Idle keys stay in the map, up to a bound. If they came and went, V8 would rebuild the map's table again and again, and
  // each old table refers to the next. Once one table is in the old generation, all later ones and everything that they
  // hold survive until the next full collection. That cost a fifth of a hit's time.
  #keys = new Map<string, KeyFlights<T>>();

  /** The number of keys that are being read now. */
  get size(): number {
    return [...this.#keys.values()].filter(isBusy).length;
  }

  /**
   * @param fly must not throw; it may reject, and then every caller that shares the flight is rejected with the same
   * error. It receives the result of the flight that it waited for; null if there was none or that one failed.
   */
  board(key: string, fly: (previous: T | null) => Promise<T>): Flight<T> {
    const flights = this.#keys.get(key) ?? this.#add(key);
    if (flights.running === null) return { result: this.#start(flights, fly, null), shared: false };
    if (flights.next !== null) return { result: flights.next, shared: true };
    const start = (previous: T | null): Promise<T> => this.#start(flights, fly, previous);
    flights.next = flights.running.then(start, () => start(null));
    return { result: flights.next, shared: false };
  }

  #add(key: string): KeyFlights<T> {
    if (this.#keys.size >= MAX_KEYS) {
      this.#keys = new Map([...this.#keys].filter(([, flights]) => isBusy(flights)));
    }
    const flights = { running: null, next: null };
    this.#keys.set(key, flights);
    return flights;
  }

  #start(flights: KeyFlights<T>, fly: (previous: T | null) => Promise<T>, previous: T | null): Promise<T> {
    const running = fly(previous);
    flights.running = running;
    flights.next = null;
    // Runs before `next` starts, because it is attached first.
    const land = (): void => {
      if (flights.next === null) flights.running = null;
    };
    running.then(land, land);
    return running;
  }
}

function isBusy({ running }: KeyFlights<unknown>): boolean {
  return running !== null;
}
