import { Injectable } from '@nestjs/common';
import type { Change, KeysOfChange, PlatformChange, VersionedEntriesOf, VersionedEntry } from './change.js';

/** Finds the cache keys that changes make stale. */
@Injectable()
export class CacheKeys {
  readonly #keysOf: KeysOfChange[] = [];
  readonly #entriesOf: VersionedEntriesOf[] = [];
  #longestTtlSeconds = 0;

  /** @param ttlSeconds the longest TTL of the entries under these keys. */
  register(keysOf: KeysOfChange, ttlSeconds: number): void {
    this.#keysOf.push(keysOf);
    this.#longestTtlSeconds = Math.max(this.#longestTtlSeconds, ttlSeconds);
  }

  /** Those of the keys whose entries show versions, so that sampled writes can be followed. */
  registerVersioned(entriesOf: VersionedEntriesOf): void {
    this.#entriesOf.push(entriesOf);
  }

  versioned(change: PlatformChange): VersionedEntry[] {
    return this.#entriesOf.flatMap((entriesOf) => entriesOf(change));
  }

  /** Of all registered entries: an entry that was stored longer ago has expired. */
  get longestTtlSeconds(): number {
    return this.#longestTtlSeconds;
  }

  /** Each key once. */
  of(changes: readonly Change[]): string[] {
    return [...new Set(changes.flatMap((change) => this.#keysOf.flatMap((keysOf) => keysOf(change))))];
  }
}
