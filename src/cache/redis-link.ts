import type { Logger } from '@nestjs/common';
import { Breaker, type BreakerState } from './breaker.js';
import { CacheHealth, type Recovery } from './cache-health.js';
import { withDeadline } from './deadline.js';
import { type CacheRedisClient, createRedisClient } from './redis-client.js';

const FAILURE_THRESHOLD = 3;
const PROBE_INTERVAL_MS = 200;
/** How long a start waits for Redis before it serves from the database. */
const BOOT_WAIT_MS = 500;

/** The connection to Redis and the judgement of it. */
export class RedisLink extends CacheHealth {
  readonly client: CacheRedisClient;
  readonly breaker: Breaker;
  readonly #recoveries: Recovery[] = [];
  #serverIdentity: string | null = null;

  constructor(
    url: string,
    private readonly deadlineMs: number,
    logger: Pick<Logger, 'log' | 'warn'>,
  ) {
    super();
    this.client = createRedisClient(url);
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
    // Without a listener the process would die of the first lost connection.
    this.client.on('error', (error: Error) => this.breaker.trip(error.message));
    this.client.on('ready', () => void this.breaker.probe());
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

  /** Returns when Redis is in use or, without an error, when a short wait has shown that it is not there. */
  async start(): Promise<void> {
    // Connecting is repeated for ever by the client's own strategy; its errors reach the listener above.
    const connected = this.client.connect().then(
      () => this.breaker.probe(),
      (error: unknown) => this.breaker.trip(error instanceof Error ? error.message : String(error)),
    );
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, BOOT_WAIT_MS);
    });
    const failed = new Promise<void>((resolve) => this.client.once('error', () => resolve()));
    await Promise.race([connected, patience, failed]);
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    await this.breaker.stop();
    this.client.destroy();
  }

  private async recover(): Promise<void> {
    const identity = await withDeadline(this.readIdentity(), this.deadlineMs);
    const serverChanged = identity !== this.#serverIdentity;
    for (const recovery of this.#recoveries) await recovery(serverChanged);
    this.#serverIdentity = identity;
  }

  /** Changes on every restart (`run_id`) and on every failover or resynchronisation (`master_replid`). */
  private async readIdentity(): Promise<string> {
    const [server, replication] = await Promise.all([
      this.client.info('server'),
      this.client.info('replication'),
    ]);
    return `${field(server, 'run_id')} ${field(replication, 'master_replid')}`;
  }
}

function field(info: string, name: string): string {
  const line = info.split('\r\n').find((candidate) => candidate.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`Redis INFO has no ${name}`);
  return line.slice(name.length + 1);
}
