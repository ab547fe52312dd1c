import { LRUCache } from 'lru-cache';
import type { Installation } from '../common/installation.js';
import { openEnvelope, sealEnvelope } from '../crypto/envelope.js';
import type { KeyRing } from '../crypto/key-ring.js';
import { CorruptEntry } from './cache-errors.js';
import type { NewEntry } from './lease-store.js';

const MAX_CHARACTERS = 32 * 1024 * 1024;
/** Keys whose last change is remembered. About ten megabytes. */
const MAX_OUTDATED = 100_000;
/** How far the clock of the database may run ahead of the clock that expires entries, over the life of an entry. */
const TOLERANCE_MS = 5000;
/** How much later than it was an entry may say that it was read. Its process knows the database's clock better than that. */
const CLOCK_MS = 1000;

interface Opened {
  readonly sealed: string;
  readonly text: string;
  readonly installation: string;
  readonly readAt: number;
  readonly expiresAt: number;
}

/**
 * Entries in a store where others can write. Each carries an authentication (crypto/envelope.ts), and is believed only by
 * the installation that stored it, if it was read from the same primary, under its own key, within its life, and not after a
 * change of which this process has heard.
 */
export class SealedEntries {
  /** By key. A text is verified once, and then only compared. */
  readonly #opened = new LRUCache<string, Opened>({
    maxSize: MAX_CHARACTERS,
    sizeCalculation: ({ sealed }, key) => sealed.length + key.length,
  });
  /** By key: what was read before that time, by the database's clock, was replaced. */
  readonly #outdated = new LRUCache<string, number>({ maxSize: MAX_OUTDATED, sizeCalculation: () => 1 });
  /** What says that it was read before that time is not believed, whatever its key. */
  #allOutdatedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly ring: KeyRing,
    private readonly installation: Installation,
  ) {}

  seal(key: string, { raw, ttlMs, readAtMs }: NewEntry): string {
    return sealEnvelope(this.ring, key, raw, {
      installation: this.installation.nameAt(readAtMs),
      readAt: Math.min(
        this.installation.latestMs(readAtMs),
        this.installation.earliestMs(readAtMs) + CLOCK_MS,
      ),
      expiresAt: this.installation.latestMs() + ttlMs,
    });
  }

  /**
   * The value in a stored text.
   *
   * @throws {CorruptEntry}
   */
  open(key: string, sealed: string): string {
    const known = this.#opened.get(key);
    const opened = known?.sealed === sealed ? known : this.#verify(key, sealed);
    if (opened.installation !== this.installation.name) throw new CorruptEntry('of another installation');
    if (this.installation.earliestMs() > opened.expiresAt + TOLERANCE_MS) throw new CorruptEntry('expired');
    if (opened.readAt < this.#allOutdatedAt) throw new CorruptEntry('older than what this process knows');
    return opened.text;
  }

  /** Believes no entry of these keys any more whose value was read before a time; before now, unless one is given. */
  outdate(keys: readonly string[], atMs = this.installation.earliestMs()): void {
    for (const key of keys) {
      if (atMs <= this.#outdatedAt(key)) continue;
      this.#outdated.set(key, atMs);
      this.#opened.delete(key);
    }
  }

  /** Believes no entry any more whose value was read before now, nor, for a second, a newer one. */
  outdateAll(): void {
    this.#allOutdatedAt = this.installation.latestMs() + CLOCK_MS;
  }

  #verify(key: string, sealed: string): Opened {
    const envelope = openEnvelope(this.ring, key, sealed);
    if (envelope === null) throw new CorruptEntry('not sealed by this application for this key');
    if (envelope.readAt < this.#outdatedAt(key)) throw new CorruptEntry('replaced since');
    const opened = { ...envelope, sealed };
    this.#opened.set(key, opened);
    return opened;
  }

  #outdatedAt(key: string): number {
    return this.#outdated.get(key) ?? Number.NEGATIVE_INFINITY;
  }
}
