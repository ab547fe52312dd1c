import { CacheUnavailable } from './cache-errors.js';

/** `half-open` is both the probe of a server that may be back and the catching up before its values are trusted. */
export type BreakerState = 'closed' | 'half-open' | 'open';

export interface BreakerOptions {
  /** Consecutive transport errors or time-outs that open it. */
  readonly failureThreshold: number;
  readonly probeIntervalMs: number;
  /** Resolves when the server answers and everything that was missed has been made good. Must end by itself. */
  readonly recover: () => Promise<void>;
  readonly onChange: (state: BreakerState, why: string) => void;
}

/**
 * Keeps requests away from a server that does not answer. Probing is done in the background, never by a request, so
 * while it is open nobody pays for finding out.
 */
export class Breaker {
  #state: BreakerState = 'open';
  #failures = 0;
  #stopped = false;
  #probing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  // Changes whenever trust in the server ends: a reply that was asked for before is not to be used after.
  #epoch = 0;

  constructor(private readonly options: BreakerOptions) {}

  get state(): BreakerState {
    return this.#state;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Only transport errors and time-outs move the breaker; a server that answers with an error is there. */
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

  /** How a call ended, of whoever has no need of another promise. */
  failed(error: unknown): void {
    if (!(error instanceof CacheUnavailable) || error.reason === 'redis-error') this.succeeded();
    else if (++this.#failures >= this.options.failureThreshold) this.trip(error.why);
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Opens at once: the connection is gone, or an invalidation could not be carried out. */
  trip(why: string): void {
    this.#epoch++;
    this.#failures = 0;
    if (this.#stopped) return;
    this.#become('open', why);
    this.#schedule(this.options.probeIntervalMs);
  }

  /** Probes now instead of at the next interval, for instance because the connection is back. */
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
      // Tripped again while it was catching up: what was made good then may be missing again.
      if (epoch === this.#epoch && !this.#stopped) this.#become('closed', 'recovered');
    } catch (error) {
      if (epoch === this.#epoch && !this.#stopped) {
        this.#become('open', reasonFor(error));
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

function reasonFor(error: unknown): string {
  if (error instanceof CacheUnavailable) return error.why;
  return error instanceof Error ? error.message : String(error);
}
