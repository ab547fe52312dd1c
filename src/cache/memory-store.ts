import { LRUCache } from 'lru-cache';
import type { Acquired, LeaseStore, NewEntry } from './lease-store.js';
import { leaseKey } from './lease-store.js';

const MAX_CHARACTERS = 64 * 1024 * 1024;
const DEFAULT_TTL_MS = 3_600_000;

/** The cache of a process without Redis: bounded, evicts the least recently used. Atomic because no method awaits in between. */
export class MemoryStore implements LeaseStore {
  readonly #entries = new LRUCache<string, string>({
    maxSize: MAX_CHARACTERS,
    sizeCalculation: (raw, key) => raw.length + key.length,
    ttl: DEFAULT_TTL_MS,
    // Else it takes the time of an earlier call for as long as the event loop does not turn.
    ttlResolution: 0,
  });

  /** Entries and leases. */
  get size(): number {
    return this.#entries.size;
  }

  async get(key: string): Promise<string | null> {
    return this.#entries.get(key) ?? null;
  }

  async set(key: string, raw: string, ttlMs: number): Promise<void> {
    this.#entries.set(key, raw, { ttl: ttlMs });
  }

  async acquire(key: string, token: string, leaseMs: number): Promise<Acquired> {
    const raw = this.#entries.get(key);
    if (raw !== undefined) return { state: 'filled', raw };
    return { state: (await this.acquireRefresh(key, token, leaseMs)) ? 'leased' : 'busy' };
  }

  async acquireRefresh(key: string, token: string, leaseMs: number): Promise<boolean> {
    if (this.#entries.has(leaseKey(key))) return false;
    this.#entries.set(leaseKey(key), token, { ttl: leaseMs });
    return true;
  }

  async store(key: string, token: string, { raw, ttlMs }: NewEntry): Promise<boolean> {
    if (this.#entries.get(leaseKey(key)) !== token) return false;
    this.#entries.set(key, raw, { ttl: ttlMs });
    this.#entries.delete(leaseKey(key));
    return true;
  }

  async release(key: string, token: string): Promise<void> {
    if (this.#entries.get(leaseKey(key)) === token) this.#entries.delete(leaseKey(key));
  }

  async drop(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      this.#entries.delete(key);
      this.#entries.delete(leaseKey(key));
    }
  }

  /** Fills that are running store nothing. */
  clear(): void {
    this.#entries.clear();
  }

  /** Nobody else can put an entry back. */
  outdate(): void {}

  outdateAll(): void {}

  async remainingMs(key: string): Promise<number> {
    return this.#entries.has(key) ? this.#entries.getRemainingTTL(key) : 0;
  }
}
