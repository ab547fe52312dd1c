import type { BreakerState } from './breaker.js';
import { type BypassReason, CacheUnavailable } from './cache-errors.js';
import type { MemoryStore } from './memory-store.js';

/**
 * Repeats the invalidations that the store missed. `serverChanged` means that another server answers than before, or
 * that the same one was restarted: it may have lost invalidations that it had confirmed.
 */
export type Recovery = (serverChanged: boolean) => Promise<void>;

/** Whether the store answers, and whether its values can be trusted. */
export abstract class CacheHealth {
  #behind = false;
  /** On the clock of performance.now(). With CACHE_NEEDS_DATABASE the relay renews it. */
  trustedUntilMs = Number.POSITIVE_INFINITY;

  abstract readonly kind: 'redis' | 'memory';

  abstract readonly state: BreakerState;

  /** Changes whenever the store can no longer be trusted; see Breaker. */
  abstract readonly epoch: number;

  /** `recovery` runs after every outage, before the first cached value is read again. */
  abstract onRecovery(recovery: Recovery): void;

  /** Call it after every `onRecovery`: the first use of the store is a recovery too. */
  abstract start(): Promise<void>;

  abstract stop(): Promise<void>;

  /** How many entries and leases the store holds; null when it cannot say. */
  abstract entries(): Promise<number | null>;

  /** Null while cached values may be read. */
  get bypassReason(): BypassReason | null {
    if (this.state === 'open') return 'redis-unavailable';
    if (this.state === 'half-open' || this.#behind) return 'recovering';
    return performance.now() > this.trustedUntilMs ? 'recovering' : null;
  }

  /** Whether known invalidations have not been carried out. Until they are, no cached value is read. */
  get behind(): boolean {
    return this.#behind;
  }

  set behind(behind: boolean) {
    this.#behind = behind;
  }

  /** @throws {CacheUnavailable} while the breaker is open. A half-open one lets calls through: recovery needs them. */
  assertReachable(): void {
    if (this.state === 'open') throw new CacheUnavailable('redis-unavailable', 'Redis does not answer');
  }
}

/** A store in this process is always available. */
export class MemoryHealth extends CacheHealth {
  readonly kind = 'memory';
  readonly state = 'closed';
  readonly epoch = 0;

  constructor(private readonly store: MemoryStore) {
    super();
  }

  onRecovery(): void {}

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  async entries(): Promise<number> {
    return this.store.size;
  }
}
