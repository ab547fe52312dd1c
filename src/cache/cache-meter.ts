import { Injectable } from '@nestjs/common';
import type { CacheRead } from './cache-read.js';

type MeasuredRead = Pick<CacheRead<unknown>, 'resource' | 'outcome' | 'durationSeconds'>;
type CacheReadListener = (read: MeasuredRead) => void;

/** Passes each read on to the listeners that count them, so that the cache needs no metrics library. */
@Injectable()
export class CacheMeter {
  readonly #listeners: CacheReadListener[] = [];

  onRead(listener: CacheReadListener): void {
    this.#listeners.push(listener);
  }

  record(read: MeasuredRead): void {
    for (const listener of this.#listeners) listener(read);
  }
}
