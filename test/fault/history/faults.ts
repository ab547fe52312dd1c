import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import type { Backends } from '../../support/backends.js';
import type { PostgresServer } from '../../support/servers/postgres.js';
import type { RedisServer } from '../../support/servers/redis.js';
import type { TcpProxy } from '../../support/servers/tcp-proxy.js';
import type { Fleet } from './fleet.js';
import type { Random } from './random.js';
import type { Faults, Progress } from './run-history.js';

const REDIS_FAULTS = [
  'kill',
  'restart-from-snapshot',
  'freeze',
  'flush',
  'cut-one',
  'hang-one',
  'reset-all',
] as const;
type RedisFault = (typeof REDIS_FAULTS)[number];
const FAULTS = [
  ...REDIS_FAULTS,
  'kill-process',
  'freeze-process',
  'end-connections',
  'kill-postgres',
  'restart-postgres',
] as const;
type Fault = (typeof FAULTS)[number];

interface Targets {
  readonly redis: RedisServer;
  readonly postgres: PostgresServer;
  /** The ways of the processes to Redis. */
  readonly proxies: readonly TcpProxy[];
  readonly fleet: Fleet;
  readonly backends: Backends;
}

/**
 * Breaks Redis, the ways to it, processes of the API, PostgreSQL and the connections to it, one after the other with a
 * healthy spell between, until it is told to stop.
 */
export class FaultInjector implements Faults {
  readonly restMs = 0;
  readonly counts: Record<Fault, number> = {
    kill: 0,
    'restart-from-snapshot': 0,
    freeze: 0,
    flush: 0,
    'cut-one': 0,
    'hang-one': 0,
    'reset-all': 0,
    'kill-process': 0,
    'freeze-process': 0,
    'end-connections': 0,
    'kill-postgres': 0,
    'restart-postgres': 0,
  };
  #stopped = false;

  constructor(
    private readonly random: Random,
    private readonly targets: Targets,
  ) {}

  get killedProcesses(): number {
    return this.counts['kill-process'];
  }

  /** Ends healthy. */
  async run(progress: Progress): Promise<void> {
    for (const fault of this.random.rounds(FAULTS)) {
      await progress.after(this.random.between(1000, 3000));
      if (this.#stopped) return;
      await this.inject(fault);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  private async inject(fault: Fault): Promise<void> {
    this.counts[fault]++;
    const member = this.random.pick(this.targets.fleet.members);
    switch (fault) {
      case 'kill-process':
        await member.kill();
        // While it is away: what it left behind must not depend on Redis being well.
        await Promise.all([member.restart(), this.inject(this.random.pick(REDIS_FAULTS))]);
        return;
      case 'freeze-process':
        await member.api.freeze();
        await sleep(this.lasts());
        return member.api.thaw();
      case 'end-connections':
        // Those of the relays too.
        await this.targets.backends.rows(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE 'platform-manager%'`,
        );
        return;
      case 'kill-postgres':
        await this.targets.postgres.kill();
        await sleep(this.lasts());
        return this.targets.postgres.start();
      case 'restart-postgres':
        // What is under way is rolled back.
        await this.targets.postgres.stop();
        return this.targets.postgres.start();
      default:
        return this.injectIntoRedis(fault);
    }
  }

  /** Milliseconds. */
  private lasts(): number {
    return this.random.between(50, 1500);
  }

  private async injectIntoRedis(fault: RedisFault): Promise<void> {
    const { redis, proxies } = this.targets;
    const proxy = this.random.pick(proxies);
    const lasts = this.lasts();
    switch (fault) {
      case 'kill':
        await redis.kill();
        await sleep(lasts);
        return redis.start();
      case 'restart-from-snapshot':
        // The server comes back with what it knew a while ago: invalidations that it confirmed since are undone.
        await this.command(['SAVE']);
        await sleep(lasts);
        await redis.kill();
        return redis.start();
      case 'freeze':
        await redis.freeze();
        await sleep(lasts);
        return redis.thaw();
      case 'flush':
        return this.command(['FLUSHALL']);
      case 'cut-one':
        await proxy.cut();
        await sleep(lasts);
        return proxy.restore();
      case 'hang-one':
        proxy.hang();
        await sleep(lasts);
        return proxy.resume();
      case 'reset-all':
        for (const each of proxies) each.reset();
        return;
      default:
        return fault satisfies never;
    }
  }

  private async command(words: string[]): Promise<void> {
    const client = createClient({ url: this.targets.redis.url(), RESP: 2 });
    client.on('error', () => undefined);
    await client.connect();
    await client.sendCommand(words);
    client.destroy();
  }
}
