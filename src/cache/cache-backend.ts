import type { Installation } from '../common/installation.js';
import { type CacheHealth, MemoryHealth } from './cache-health.js';
import type { CountingStore } from './counting-store.js';
import type { LeaseStore } from './lease-store.js';
import { MemoryStore } from './memory-store.js';
import type { SlotStore } from './slot-store.js';

/** What holds the cached entries: Redis, or the memory of this process. */
export interface CacheBackend {
  readonly health: CacheHealth;
  readonly store: LeaseStore;
  /** Null when no other process shares the store. */
  readonly counts: CountingStore | null;
  /** The same. */
  readonly slots: SlotStore | null;
}

export function memoryBackend(installation: Installation): CacheBackend {
  const store = new MemoryStore();
  installation.onMove(() => store.clear());
  return { health: new MemoryHealth(store), store, counts: null, slots: null };
}
