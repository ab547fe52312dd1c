import { Logger } from '@nestjs/common';
import { DomainError } from '../common/domain-error.js';
import type { Known } from './decoded-values.js';
import { type LeaseStore, MAX_ENTRY_BYTES } from './lease-store.js';
import { LEASE_MS, leaseToken } from './lease.js';

// The point of an entry's life at which it is renewed, drawn anew for each. Wide, so that entries that were stored
// together are not renewed together: the database then sees at most about twice its steady rate.
const EARLIEST = 0.45;
const LATEST = 0.98;
/** Background loads at once; beyond that an entry waits for one of its next hits. */
const MAX_CONCURRENT = 2;
/** After a failure, or when another process is at it. */
const RETRY_MS = 1000;

/**
 * Renews entries that are still asked for before they expire, in the background and through the lease, so that no
 * request of a hot key ever waits for the database.
 */
export class RefreshAhead {
  readonly #logger = new Logger('RefreshAhead');
  #running = 0;

  constructor(
    private readonly store: LeaseStore,
    private readonly random: () => number = Math.random,
  ) {}

  /** When an entry that lives `ttlMs` more is to be renewed, by performance.now(). */
  pointFor(ttlMs: number): number {
    return performance.now() + ttlMs * (EARLIEST + this.random() * (LATEST - EARLIEST));
  }

  /** To be asked on each hit. An entry that this process sees for the first time is looked at too. */
  isDue(known: Known<unknown>): boolean {
    const { refreshAtMs } = known;
    return (refreshAtMs === null || performance.now() >= refreshAtMs) && this.#running < MAX_CONCURRENT;
  }

  /** In the background: finds out when the entry is to be renewed, or renews it. */
  look(
    known: Known<unknown>,
    key: string,
    ttlMs: number,
    load: () => Promise<{ raw: string; ttlMs: number }>,
  ): void {
    this.#running++;
    const task =
      known.refreshAtMs === null ? this.#schedule(known, key, ttlMs) : this.#refresh(known, key, ttlMs, load);
    // Looked at again at the earliest when the task has ended.
    known.refreshAtMs = Number.POSITIVE_INFINITY;
    void task
      .catch((error: unknown) => {
        known.refreshAtMs = performance.now() + RETRY_MS;
        if (error instanceof DomainError) this.#logger.debug(`An entry could not be renewed: ${error.code}`);
        else this.#logger.error(error);
      })
      .finally(() => this.#running--);
  }

  /** Another process has stored it: the store knows how much of its life is left. */
  async #schedule(known: Known<unknown>, key: string, ttlMs: number): Promise<void> {
    const remainingMs = await this.store.remainingMs(key);
    known.refreshAtMs = this.pointFor(ttlMs) - (ttlMs - Math.min(ttlMs, remainingMs));
  }

  async #refresh(
    known: Known<unknown>,
    key: string,
    ttlMs: number,
    load: () => Promise<{ raw: string; ttlMs: number }>,
  ): Promise<void> {
    const remainingMs = await this.store.remainingMs(key);
    if (remainingMs > ttlMs * (1 - EARLIEST)) {
      // The same text was stored anew meanwhile.
      known.refreshAtMs = this.pointFor(ttlMs) - (ttlMs - remainingMs);
      return;
    }
    const token = leaseToken();
    if (!(await this.store.acquireRefresh(key, token, LEASE_MS))) {
      known.refreshAtMs = performance.now() + RETRY_MS;
      return;
    }
    try {
      const fresh = await load();
      if (Buffer.byteLength(fresh.raw) <= MAX_ENTRY_BYTES) {
        await this.store.store(key, token, fresh.raw, fresh.ttlMs);
      }
      known.refreshAtMs = this.pointFor(fresh.ttlMs);
    } finally {
      await this.store.release(key, token);
    }
  }
}
