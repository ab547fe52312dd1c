import { Injectable } from '@nestjs/common';
import type { CacheRead } from './cache-read.js';

export type CacheReadListener = (read: CacheRead<unknown>) => void;

/** Where reads are reported and whoever counts them listens; the cache itself knows no metrics library. */
@Injectable()
export class CacheMeter {
  readonly #listeners: CacheReadListener[] = [];

  onRead(listener: CacheReadListener): void {
    this.#listeners.push(listener);
  }

  record(read: CacheRead<unknown>): void {
    for (const listener of this.#listeners) listener(read);
  }
}
