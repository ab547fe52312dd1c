import type { BreakerState } from './breaker.js';
import { type BypassReason, CacheUnavailable } from './cache-errors.js';

/**
 * Makes good what the store missed. `serverChanged` means that another server answers than before, or one that was
 * restarted, so that it may have lost invalidations it had confirmed.
 */
export type Recovery = (serverChanged: boolean) => Promise<void>;

/** Whether what the store says may be believed. */
export abstract class CacheHealth {
  #behind = false;

  abstract readonly state: BreakerState;

  /** Changes whenever trust in the store ends; see Breaker. */
  abstract readonly epoch: number;

  /** Runs after every outage, before the first cached value is read again. */
  abstract onRecovery(recovery: Recovery): void;

  /** Null while cached values may be read. */
  get bypassReason(): BypassReason | null {
    if (this.state === 'open') return 'redis-unavailable';
    return this.state === 'half-open' || this.#behind ? 'recovering' : null;
  }

  /** Invalidations that are known of but not carried out: until they are, no cached value is read. */
  get behind(): boolean {
    return this.#behind;
  }

  set behind(behind: boolean) {
    this.#behind = behind;
  }

  /** @throws {CacheUnavailable} while the store is not even asked. Catching up needs it while it is half-open. */
  assertReachable(): void {
    if (this.state === 'open') throw new CacheUnavailable('redis-unavailable', 'Redis does not answer');
  }
}

/** A store in this process is always there. */
export class MemoryHealth extends CacheHealth {
  readonly state = 'closed';
  readonly epoch = 0;

  onRecovery(): void {}
}
