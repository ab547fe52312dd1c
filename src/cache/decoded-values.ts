import { LRUCache } from 'lru-cache';
import type { CacheSpec } from './cache-spec.js';

const MAX_CHARACTERS = 32 * 1024 * 1024;

/** A stored text that was verified, what it means, and when this process will look after its renewal. */
export interface Known<T> {
  readonly raw: string;
  readonly value: T;
  /** By performance.now(), in milliseconds; null until it is known how long the entry lives. */
  refreshAtMs: number | null;
}

/**
 * Remembers what a stored text was decoded and verified to, so that a hot entry is parsed once and not once a request.
 * This is no cache of the data: the text still comes from the store each time, and only an identical text is taken as
 * verified. Comparing a kilobyte costs less than a tenth of parsing it.
 */
export class DecodedValues {
  readonly #known = new LRUCache<string, Known<unknown>>({
    maxSize: MAX_CHARACTERS,
    sizeCalculation: ({ raw }, key) => raw.length + key.length,
  });

  /** @throws when `raw` is not what `spec.encode` makes for `id`. */
  decode<Id, T>(spec: CacheSpec<Id, T>, id: Id, key: string, raw: string): Known<T> {
    const known = this.#known.get(key);
    if (known?.raw === raw) return known as Known<T>;
    const value = spec.decode(raw, id);
    // The text itself is what is sent, so it must say no more than the value does: no field twice, nothing around it.
    if (spec.encode(value) !== raw) throw new Error('The entry is not as it was encoded');
    const decoded: Known<T> = { raw, value, refreshAtMs: null };
    this.#known.set(key, decoded);
    return decoded;
  }
}
