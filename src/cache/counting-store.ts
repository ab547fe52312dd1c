export interface Counted {
  /** Counted by all processes in the current window. */
  readonly total: number;
  readonly remainingMs: number;
}

/** Counters that all processes share. The cache provides null instead when there is no Redis. */
export abstract class CountingStore {
  /** Null when the store cannot be asked. Takes no longer than a cache command may. */
  abstract add(key: string, count: number, windowMs: number): Promise<Counted | null>;
}
