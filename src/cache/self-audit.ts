import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { DomainError } from '../common/domain-error.js';
import { CorruptEntry } from './cache-errors.js';
import { LeaseStore } from './lease-store.js';

/** One of this many hits is compared with the database. */
const SAMPLE = 1000;
/** Longer than an invalidation may take. A difference that lasts longer means that an invalidation was missed. */
const GRACE_MS = 2500;

/** One of this many changes is followed, on every process. */
const FOLLOWED = 50;
/** Keys of changes that are followed. An entry that nobody reads needs no comparison. */
const MAX_FOLLOWED = 1000;

/**
 * Compares hits with the database: a sample of all, and on every process the first hit after one of fifty changes. A
 * difference that outlasts every running invalidation is an inconsistency: it is counted and logged, and the entry is
 * removed. The count should stay at zero.
 */
@Injectable()
export class SelfAudit {
  readonly #logger = new Logger('SelfAudit');
  #untilNext = SAMPLE;
  #running = false;
  #inconsistencies = 0;
  #compared = 0;
  #followed = 0;
  #untilFollowed = FOLLOWED;
  /** By key: the change, by the database's clock in Unix milliseconds. */
  readonly #waiting = new Map<string, number>();

  constructor(private readonly store: LeaseStore) {}

  /** Since start. */
  get inconsistencies(): number {
    return this.#inconsistencies;
  }

  /** Hits compared since start. */
  get compared(): number {
    return this.#compared;
  }

  /** First hits after a change that were compared, since start. */
  get followed(): number {
    return this.#followed;
  }

  /**
   * Call it with each change that a process of the installation has dropped.
   *
   * @param atMs Unix milliseconds by the database's clock.
   */
  dropped(keys: readonly string[], atMs: number): void {
    if (--this.#untilFollowed > 0) return;
    this.#untilFollowed = FOLLOWED;
    for (const key of keys) {
      if (this.#waiting.size < MAX_FOLLOWED) this.#waiting.set(key, atMs);
    }
  }

  /** Whether this hit is compared. Only one comparison runs at a time, to spare a slow database. */
  samples(key: string): boolean {
    if (this.#waiting.size > 0 && !this.#running && this.#waiting.has(key)) return true;
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
    const changedAtMs = this.#waiting.get(key);
    if (this.#waiting.delete(key)) this.#followed++;
    void this.#compare(key, raw, cached, current, changedAtMs)
      .catch((error: unknown) => {
        if (error instanceof DomainError)
          this.#logger.debug(`A cache hit could not be compared with the database: ${error.code}`);
        else this.#logger.error(error);
      })
      .finally(() => {
        this.#running = false;
      });
  }

  async #compare(
    key: string,
    raw: string,
    cached: string,
    current: () => Promise<string>,
    changedAtMs: number | undefined,
  ): Promise<void> {
    const hitAt = new Date();
    const found = await current();
    this.#compared++;
    if (found === cached) return;
    await sleep(GRACE_MS, undefined, { ref: false });
    // An entry that has changed since was invalidated after all. One that is still there and still wrong was not.
    const kept = await this.store.get(key).catch(ifCorrupt);
    if (kept !== raw || (await current()) === cached) return;
    this.#inconsistencies++;
    const followed =
      changedAtMs === undefined ? '' : `, after a change of ${new Date(changedAtMs).toISOString()}`;
    this.#logger.error(
      `A cached entry differed from the database and was removed: ${kindOf(key)}, read at ${hitAt.toISOString()}${followed}.`,
    );
    await this.store.drop([key]);
  }
}

/** Without ids. */
function kindOf(key: string): string {
  return key.slice(0, key.indexOf(':'));
}

/** Somebody else's text is not the entry that was compared. */
function ifCorrupt(error: unknown): null {
  if (error instanceof CorruptEntry) return null;
  throw error;
}
