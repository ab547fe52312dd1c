import { CacheUnavailable, whyOf } from './cache-errors.js';

/** `half-open`: a probe is running, or the server answers and missed invalidations are being repeated. */
export type BreakerState = 'closed' | 'half-open' | 'open';

interface BreakerOptions {
  /** Consecutive transport errors or timeouts that open it. */
  readonly failureThreshold: number;
  readonly probeIntervalMs: number;
  /** Resolves when the server answers and missed invalidations have been repeated. Must settle in bounded time. */
  readonly recover: () => Promise<void>;
  readonly onChange: (state: BreakerState, why: string) => void;
}

/**
 * Keeps requests away from a server that does not answer. Probes run in the background, never within a request, so no
 * request waits for one.
 */
export class Breaker {
  #state: BreakerState = 'open';
  #failures = 0;
  #stopped = false;
  #probing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  // Changes whenever the server can no longer be trusted. The reply to a command sent before the change must not be used
  // after it.
  #epoch = 0;

  constructor(private readonly options: BreakerOptions) {}

  get state(): BreakerState {
    return this.#state;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Only transport errors and timeouts count as failures. A server that answers with an error is reachable. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    try {
      const value = await call();
      this.succeeded();
      return value;
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  /** With `succeeded`, the same as `run` for a caller on the hot path, without another promise. */
  failed(error: unknown): void {
    if (!(error instanceof CacheUnavailable) || error.reason === 'redis-error') this.succeeded();
    else if (++this.#failures >= this.options.failureThreshold) this.trip(error.why);
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Opens at once: the connection is lost, or an invalidation could not be carried out. */
  trip(why: string): void {
    this.#epoch++;
    this.#failures = 0;
    if (this.#stopped) return;
    this.#become('open', why);
    this.#schedule(this.options.probeIntervalMs);
  }

  /** Probes now instead of at the next interval. */
  async probe(): Promise<void> {
    if (this.#stopped || this.#state === 'closed') return;
    this.#probing ??= this.#recover().finally(() => {
      this.#probing = null;
    });
    await this.#probing;
  }

  async #recover(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#become('half-open', 'probing');
    const epoch = this.#epoch;
    try {
      await this.options.recover();
      // Tripped again during recovery: invalidations that were repeated before that may be lost again.
      if (epoch === this.#epoch && !this.#stopped) this.#become('closed', 'recovered');
    } catch (error) {
      if (epoch === this.#epoch && !this.#stopped) {
        this.#become('open', whyOf(error));
      }
    }
    if (this.state !== 'closed') this.#schedule(this.options.probeIntervalMs);
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.probe();
    }, delayMs);
    this.#timer.unref();
  }

  #become(state: BreakerState, why: string): void {
    if (this.#state === state) return;
    this.#state = state;
    this.options.onChange(state, why);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#probing;
  }
}
