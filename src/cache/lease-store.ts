/** Larger texts are neither stored nor read: no user has that many platforms, and moving them would block everybody. */
export const MAX_ENTRY_BYTES = 1024 * 1024;

/** `leased`: the caller fills, under its token. `busy`: another process is filling. `filled`: the value is there by now. */
export type Acquired =
  { readonly state: 'leased' | 'busy' } | { readonly state: 'filled'; readonly raw: string };

/**
 * What the read protocol needs of a store and cache-manager's interface cannot say: raw reads, leases, conditional
 * stores. The Redis store and the in-memory store both implement it and pass one shared test suite.
 *
 * Values are JSON texts. Every method throws CacheUnavailable when the store does not answer in time.
 */
export abstract class LeaseStore {
  /** @throws {WrongTypeEntry} when the key holds something that is not a string. */
  abstract get(key: string): Promise<string | null>;

  /** Atomically: the value if there is one, else a lease for `token` unless somebody holds one. */
  abstract acquire(key: string, token: string, leaseMs: number): Promise<Acquired>;

  /** Takes the lease although there is a value, to replace it before it expires. False when somebody holds one. */
  abstract acquireRefresh(key: string, token: string, leaseMs: number): Promise<boolean>;

  /** Atomically: writes only while `token` holds the lease, and gives the lease back. False when it was lost. */
  abstract store(key: string, token: string, raw: string, ttlMs: number): Promise<boolean>;

  /** Gives the lease back without storing. Does nothing when `token` does not hold it. */
  abstract release(key: string, token: string): Promise<void>;

  /** Removes values together with their leases, so that whoever is filling them stores nothing. */
  abstract drop(keys: readonly string[]): Promise<void>;

  /** Milliseconds until the entry expires; 0 when there is none. */
  abstract remainingMs(key: string): Promise<number>;
}

/** The braces put the lease into the same Redis Cluster slot as its key. */
export function leaseKey(key: string): string {
  return `lease:{${key}}`;
}
