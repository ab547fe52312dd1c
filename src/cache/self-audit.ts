import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { DomainError } from '../common/domain-error.js';
import { CorruptEntry } from './cache-errors.js';
import { LeaseStore } from './lease-store.js';

/** One of this many hits is compared with the database. */
const SAMPLE = 1000;
/** Longer than an invalidation may take. A difference that lasts longer means that an invalidation was missed. */
const GRACE_MS = 2500;

/**
 * Compares a sample of hits with the database. A difference that outlasts every running invalidation is an
 * inconsistency: it is counted and logged, and the entry is removed. The count should stay at zero.
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

  /** Hits compared since start. */
  get compared(): number {
    return this.#compared;
  }

  /** Counts an inconsistency. @param trace says which entry, what it shows and since when; no credential. */
  found(trace: string): void {
    this.#inconsistencies++;
    this.#logger.error(`${trace} Process ${process.pid} of ${hostname()}.`);
  }

  /** Whether this hit is in the sample. Only one comparison runs at a time, to spare a slow database. */
  samples(): boolean {
    if (--this.#untilNext > 0) return false;
    this.#untilNext = SAMPLE;
    return !this.#running;
  }

  /**
   * Runs in the background.
   *
   * @param cached the fingerprint of the hit.
   * @param current reads the fingerprint from the database.
   */
  compare(key: string, raw: string, cached: string, current: () => Promise<string>): void {
    this.#running = true;
    void this.#compare(key, raw, cached, current)
      .catch((error: unknown) => {
        if (error instanceof DomainError)
          this.#logger.debug(`A cache hit could not be compared with the database: ${error.code}`);
        else this.#logger.error(error);
      })
      .finally(() => {
        this.#running = false;
      });
  }

  async #compare(key: string, raw: string, cached: string, current: () => Promise<string>): Promise<void> {
    const hitAt = new Date();
    const found = await current();
    this.#compared++;
    if (found === cached) return;
    await sleep(GRACE_MS, undefined, { ref: false });
    // An entry that has changed since was invalidated after all. One that is still there and still wrong was not.
    const kept = await this.store.get(key).catch(ifCorrupt);
    if (kept !== raw || (await current()) === cached) return;
    this.found(
      `A cached entry differed from the database and was removed: ${key}, read at ${hitAt.toISOString()} and the same ` +
        `${GRACE_MS} ms later.`,
    );
    await this.store.drop([key]);
  }
}

/** Somebody else's text is not the entry that was compared. */
function ifCorrupt(error: unknown): null {
  if (error instanceof CorruptEntry) return null;
  throw error;
}
