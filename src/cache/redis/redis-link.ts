import type { Logger } from '@nestjs/common';
import { Breaker, type BreakerState } from '../breaker.js';
import { CacheHealth, type Recovery } from '../cache-health.js';
import type { RedisCommands } from './redis-client.js';
import type { RedisConnection } from './redis-connection.js';

const FAILURE_THRESHOLD = 3;
const PROBE_INTERVAL_MS = 200;
/** How long a start waits for Redis before it serves from the database. */
const BOOT_WAIT_MS = 500;

/** The connection to Redis and the judgement of it. */
export class RedisLink extends CacheHealth {
  readonly breaker: Breaker;
  readonly #recoveries: Recovery[] = [];
  #serverIdentity: string | null = null;

  constructor(
    readonly connection: RedisConnection,
    logger: Pick<Logger, 'log' | 'warn'>,
  ) {
    super();
    this.breaker = new Breaker({
      failureThreshold: FAILURE_THRESHOLD,
      probeIntervalMs: PROBE_INTERVAL_MS,
      recover: () => this.recover(),
      onChange: (state, why) => {
        // A server that stays away would otherwise be announced at each probe.
        if (state === 'closed') logger.log('Redis answers; cached values are read again.');
        if (state === 'open' && this.#announced !== state) {
          logger.warn(`Redis is not used until it answers: ${why}. Reads go to the database.`);
        }
        if (state !== 'half-open') this.#announced = state;
      },
    });
  }

  #announced: BreakerState | null = null;

  get state(): BreakerState {
    return this.breaker.state;
  }

  get epoch(): number {
    return this.breaker.epoch;
  }

  onRecovery(recovery: Recovery): void {
    this.#recoveries.push(recovery);
  }

  /** @throws {CacheUnavailable} while there is no connection. */
  get client(): RedisCommands {
    return this.connection.client;
  }

  /** Returns when Redis is in use or, without an error, when a short wait has shown that it is not there. */
  async start(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, BOOT_WAIT_MS);
    });
    const known = new Promise<void>((resolve) => {
      const opened = this.connection.open({
        trouble: (why) => {
          this.breaker.trip(why);
          resolve();
        },
        ready: () => void this.breaker.probe(),
      });
      void opened.then(() => this.breaker.probe()).then(resolve);
    });
    await Promise.race([patience, known]);
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    await this.breaker.stop();
    this.connection.close();
  }

  private async recover(): Promise<void> {
    const identity = await this.connection.identity();
    const serverChanged = identity !== this.#serverIdentity;
    for (const recovery of this.#recoveries) await recovery(serverChanged);
    this.#serverIdentity = identity;
  }
}
