import { Logger } from '@nestjs/common';
import { DomainError } from '../common/domain-error.js';
import type { DecodedEntry } from './decoded-entries.js';
import { type LeaseStore, MAX_ENTRY_BYTES, type NewEntry } from './lease-store.js';
import { LEASE_MS, leaseToken } from './lease.js';

// The fraction of its TTL after which an entry is refreshed is drawn at random between these, for each entry. The range is
// wide, so that entries that were stored together are not refreshed together: the database sees at most about twice its
// steady rate.
const EARLIEST = 0.45;
const LATEST = 0.98;
/** Background loads at once. Beyond that an entry waits for one of its next hits. */
const MAX_CONCURRENT = 2;
/** After a failure, or while another process refreshes the entry. */
const RETRY_MS = 1000;

/**
 * Refreshes entries that are still read before they expire, in the background and through the lease, so that no request
 * for a hot key waits for the database.
 */
export class RefreshAhead {
  readonly #logger = new Logger('RefreshAhead');
  #running = 0;

  constructor(
    private readonly store: LeaseStore,
    private readonly random: () => number = Math.random,
  ) {}

  /** When to refresh an entry that expires in `ttlMs`, on the clock of performance.now(). */
  refreshTime(ttlMs: number): number {
    return performance.now() + ttlMs * (EARLIEST + this.random() * (LATEST - EARLIEST));
  }

  /** Call it on each hit. An entry that this process sees for the first time is due too. */
  isDue({ refreshAtMs }: DecodedEntry<unknown>): boolean {
    return (refreshAtMs === null || performance.now() >= refreshAtMs) && this.#running < MAX_CONCURRENT;
  }

  /** Refreshes the entry in the background, or first finds out when to refresh it. */
  refresh(entry: DecodedEntry<unknown>, key: string, ttlMs: number, load: () => Promise<NewEntry>): void {
    this.#running++;
    const task =
      entry.refreshAtMs === null ? this.#schedule(entry, key, ttlMs) : this.#refresh(entry, key, ttlMs, load);
    // Not due again before the task has ended.
    entry.refreshAtMs = Number.POSITIVE_INFINITY;
    void task
      .catch((error: unknown) => {
        entry.refreshAtMs = performance.now() + RETRY_MS;
        if (error instanceof DomainError)
          this.#logger.debug(`A cache entry could not be refreshed: ${error.code}`);
        else this.#logger.error(error);
      })
      .finally(() => this.#running--);
  }

  /** Another process stored the entry, so only the store knows its remaining TTL. */
  async #schedule(entry: DecodedEntry<unknown>, key: string, ttlMs: number): Promise<void> {
    const remainingMs = await this.store.remainingMs(key);
    entry.refreshAtMs = this.refreshTime(ttlMs) - (ttlMs - Math.min(ttlMs, remainingMs));
  }

  async #refresh(
    entry: DecodedEntry<unknown>,
    key: string,
    ttlMs: number,
    load: () => Promise<NewEntry>,
  ): Promise<void> {
    const remainingMs = await this.store.remainingMs(key);
    if (remainingMs > ttlMs * (1 - EARLIEST)) {
      // Another process has stored the same text again.
      entry.refreshAtMs = this.refreshTime(ttlMs) - (ttlMs - remainingMs);
      return;
    }
    const token = leaseToken();
    if (!(await this.store.acquireRefresh(key, token, LEASE_MS))) {
      entry.refreshAtMs = performance.now() + RETRY_MS;
      return;
    }
    try {
      const fresh = await load();
      if (Buffer.byteLength(fresh.raw) <= MAX_ENTRY_BYTES) {
        await this.store.store(key, token, fresh);
      }
      entry.refreshAtMs = this.refreshTime(fresh.ttlMs);
    } finally {
      await this.store.release(key, token);
    }
  }
}
