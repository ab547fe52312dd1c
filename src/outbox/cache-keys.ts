import { Injectable } from '@nestjs/common';
import type { Change, KeysOfChange } from './change.js';

/** From changes to the cache keys that have to go. */
@Injectable()
export class CacheKeys {
  readonly #keysOf: KeysOfChange[] = [];
  #longestTtlSeconds = 0;

  /** @param ttlSeconds the longest TTL of the entries under these keys. */
  register(keysOf: KeysOfChange, ttlSeconds: number): void {
    this.#keysOf.push(keysOf);
    this.#longestTtlSeconds = Math.max(this.#longestTtlSeconds, ttlSeconds);
  }

  /** Of all registered entries. A key that was dropped longer ago than this cannot be in a cache any more. */
  get longestTtlSeconds(): number {
    return this.#longestTtlSeconds;
  }

  /** Each key once. */
  of(changes: readonly Change[]): string[] {
    return [...new Set(changes.flatMap((change) => this.#keysOf.flatMap((keysOf) => keysOf(change))))];
  }
}
