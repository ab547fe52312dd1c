import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { DomainError } from '../common/domain-error.js';
import { LeaseStore } from './lease-store.js';

/** One hit of so many is compared with the database. */
const SAMPLE = 1000;
/** Longer than an invalidation may take: what differs for longer was missed. */
const GRACE_MS = 2500;

/**
 * Compares a sample of hits with the database. A difference that outlives every invalidation under way is an
 * inconsistency: it is counted, reported and removed. Zero is the goal.
 */
@Injectable()
export class SelfAudit {
  readonly #logger = new Logger('SelfAudit');
  #untilNext = SAMPLE;
  #running = false;
  #inconsistencies = 0;
  #compared = 0;

  constructor(private readonly store: LeaseStore) {}

  /** Since start. */
  get inconsistencies(): number {
    return this.#inconsistencies;
  }

  /** Hits that were compared since start. */
  get compared(): number {
    return this.#compared;
  }

  /** Whether this hit is in the sample. One comparison at a time, so a slow database is not burdened. */
  samples(): boolean {
    if (--this.#untilNext > 0) return false;
    this.#untilNext = SAMPLE;
    return !this.#running;
  }

  /** @param current what would be cached now, by fingerprint. Runs in the background. */
  compare(key: string, raw: string, cached: string, current: () => Promise<string>): void {
    this.#running = true;
    void this.#compare(key, raw, cached, current)
      .catch((error: unknown) => {
        if (error instanceof DomainError) this.#logger.debug(`A hit could not be compared: ${error.code}`);
        else this.#logger.error(error);
      })
      .finally(() => {
        this.#running = false;
      });
  }

  async #compare(key: string, raw: string, cached: string, current: () => Promise<string>): Promise<void> {
    const found = await current();
    this.#compared++;
    if (found === cached) return;
    await sleep(GRACE_MS, undefined, { ref: false });
    // An entry that has changed was invalidated; only one that is still there, and still wrong, was not.
    if ((await this.store.get(key)) !== raw || (await current()) === cached) return;
    this.#inconsistencies++;
    this.#logger.error('A cached entry differs from the database and was removed.');
    await this.store.drop([key]);
  }
}
