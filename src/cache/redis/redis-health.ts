import type { Logger } from '@nestjs/common';
import { Breaker, type BreakerState } from '../breaker.js';
import { CacheHealth, type Recovery } from '../cache-health.js';
import { withDeadline } from '../deadline.js';
import type { RedisConnection } from './redis-connection.js';

const FAILURE_THRESHOLD = 3;
const PROBE_INTERVAL_MS = 200;
/** How long a start waits for Redis before it serves from the database. */
const BOOT_WAIT_MS = 500;
const COUNT_TIMEOUT_MS = 500;

/** Whether Redis answers, and whether what it holds can be trusted. */
export class RedisHealth extends CacheHealth {
  readonly kind = 'redis';
  readonly breaker: Breaker;
  readonly #recoveries: Recovery[] = [];
  #serverIdentity: string | null = null;
  #logged: BreakerState | null = null;

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
        if (state === 'closed') logger.log('Redis answers. Cached values are read again.');
        // Once an outage: every failed probe opens the breaker again.
        if (state === 'open' && this.#logged !== state) {
          logger.warn(`Redis is not used until it answers: ${why}. Reads go to the database.`);
        }
        if (state !== 'half-open') this.#logged = state;
      },
    });
    connection.onTrouble((why) => this.breaker.trip(why));
  }

  get state(): BreakerState {
    return this.breaker.state;
  }

  get epoch(): number {
    return this.breaker.epoch;
  }

  onRecovery(recovery: Recovery): void {
    this.#recoveries.push(recovery);
  }

  /** Returns when Redis is in use or, without an error, when it does not answer within BOOT_WAIT_MS. */
  async start(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, BOOT_WAIT_MS);
    });
    await Promise.race([timeout, this.breaker.probe()]);
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    const stopped = this.breaker.stop();
    // A probe that waits for a server that hangs fails at once when the connection closes.
    this.connection.close();
    await stopped;
  }

  async entries(): Promise<number | null> {
    if (this.state !== 'closed') return null;
    try {
      return await withDeadline(this.connection.client.dbSize(), COUNT_TIMEOUT_MS);
    } catch {
      // The other figures are shown without this one.
      return null;
    }
  }

  private async recover(): Promise<void> {
    const identity = await this.connection.identity();
    const serverChanged = identity !== this.#serverIdentity;
    for (const recovery of this.#recoveries) await recovery(serverChanged);
    this.#serverIdentity = identity;
  }
}
