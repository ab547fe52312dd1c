import { Injectable } from '@nestjs/common';
import type { KeysOfChange, PlatformChange } from './change.js';

/** From changes to the cache keys that have to go. */
@Injectable()
export class CacheKeys {
  readonly #keysOf: KeysOfChange[] = [];

  register(keysOf: KeysOfChange): void {
    this.#keysOf.push(keysOf);
  }

  /** Each key once. */
  of(changes: readonly PlatformChange[]): string[] {
    return [...new Set(changes.flatMap((change) => this.#keysOf.flatMap((keysOf) => keysOf(change))))];
  }
}
