import { LRUCache } from 'lru-cache';
import type { CacheSpec } from './cache-spec.js';

const MAX_CHARACTERS = 32 * 1024 * 1024;

/** A verified text from the store, its value, and when this process will refresh it. */
export interface DecodedEntry<T> {
  readonly raw: string;
  readonly value: T;
  /** On the clock of performance.now(); null until the entry's remaining TTL has been read. */
  refreshAtMs: number | null;
}

/**
 * Keeps decoded and verified entries, so that a hot entry is not parsed once per request. This is not a cache of the data:
 * each read still gets the text from the store, and only an identical text counts as verified. Comparing a kilobyte
 * costs less than a tenth of parsing it.
 */
export class DecodedEntries {
  readonly #entries = new LRUCache<string, DecodedEntry<unknown>>({
    maxSize: MAX_CHARACTERS,
    sizeCalculation: ({ raw }, key) => raw.length + key.length,
  });

  /** @throws when `raw` is not what `spec.encode` makes for `id`. */
  decode<Id, T>(spec: CacheSpec<Id, T>, id: Id, key: string, raw: string): DecodedEntry<T> {
    const entry = this.#entries.get(key);
    if (entry?.raw === raw) return entry as DecodedEntry<T>;
    const value = spec.decode(raw, id);
    // The text itself is sent to clients, so it must not hold more than the value: no field twice, nothing around it.
    if (spec.encode(value) !== raw) throw new Error('The text differs from the encoded entry');
    const decoded: DecodedEntry<T> = { raw, value, refreshAtMs: null };
    this.#entries.set(key, decoded);
    return decoded;
  }
}
