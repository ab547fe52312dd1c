/** Larger values are neither stored nor read. No user has that many platforms, and transferring one would delay every other command. */
export const MAX_ENTRY_BYTES = 1024 * 1024;

/** A value as it is offered to a store. */
export interface NewEntry {
  /** JSON text of at most MAX_ENTRY_BYTES. */
  readonly raw: string;
  readonly ttlMs: number;
  /** performance.now() before the value was read from the database. */
  readonly readAtMs: number;
}

/** `leased`: the caller fills the entry, under its token. `busy`: another caller holds the lease. `filled`: there is a value. */
export type Acquired =
  { readonly state: 'leased' | 'busy' } | { readonly state: 'filled'; readonly raw: string };

/**
 * What the read protocol needs and cache-manager's interface does not offer: raw reads, leases, conditional stores. The
 * Redis store and the in-memory store implement it, and pass one shared test suite.
 *
 * Values are JSON texts. Every method throws CacheUnavailable when the store does not answer in time.
 */
export abstract class LeaseStore {
  /** @throws {CorruptEntry} */
  abstract get(key: string): Promise<string | null>;

  /** Writes without a lease, for entries outside the read protocol. */
  abstract set(key: string, raw: string, ttlMs: number): Promise<void>;

  /**
   * Atomically: returns the value if there is one, else takes the lease for `token` unless it is held.
   *
   * @throws {CorruptEntry}
   */
  abstract acquire(key: string, token: string, leaseMs: number): Promise<Acquired>;

  /** Takes the lease although there is a value, to replace it before it expires. False when the lease is held. */
  abstract acquireRefresh(key: string, token: string, leaseMs: number): Promise<boolean>;

  /** Atomically: writes only while `token` holds the lease, and releases the lease. False when it was lost. */
  abstract store(key: string, token: string, entry: NewEntry): Promise<boolean>;

  /** Releases the lease without storing. Does nothing when `token` does not hold it. */
  abstract release(key: string, token: string): Promise<void>;

  /** Removes values together with their leases, so that a process that is filling them stores nothing. */
  abstract drop(keys: readonly string[]): Promise<void>;

  /**
   * Believes no entry any more whose value was read before a time.
   *
   * @param atMs Unix milliseconds by the database's clock.
   */
  abstract outdate(keys: readonly string[], atMs: number): void;

  /** The same for every key: believes nothing that was read before now. What is read in the next second may be refused too. */
  abstract outdateAll(): void;

  /** Milliseconds until the entry expires; 0 when there is none. */
  abstract remainingMs(key: string): Promise<number>;
}

/** The braces put the lease into the same Redis Cluster slot as its key. */
export function leaseKey(key: string): string {
  return `lease:{${key}}`;
}
