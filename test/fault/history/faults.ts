import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import type { Backends } from '../../support/backends.js';
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
const FAULTS = [...REDIS_FAULTS, 'kill-process', 'freeze-process', 'end-connections'] as const;
type Fault = (typeof FAULTS)[number];

/**
 * Breaks Redis, the ways to it, processes of the API, and their connections to PostgreSQL, one after the other with a
 * healthy spell between, until it is told to stop.
 */
export class FaultInjector implements Faults {
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
  };
  #stopped = false;

  constructor(
    private readonly random: Random,
    private readonly redis: RedisServer,
    private readonly proxies: readonly TcpProxy[],
    private readonly fleet: Fleet,
    private readonly backends: Backends,
  ) {}

  get killedProcesses(): number {
    return this.counts['kill-process'];
  }

  /** Ends healthy. */
  async run(progress: Progress): Promise<void> {
    while (!this.#stopped) {
      await progress.after(this.random.between(1000, 3000));
      if (this.#stopped) return;
      await this.inject(this.random.pick(FAULTS));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  private async inject(fault: Fault): Promise<void> {
    this.counts[fault]++;
    const member = this.random.pick(this.fleet.members);
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
        await this.backends.rows(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE 'platform-manager%'`,
        );
        return;
      default:
        return this.injectIntoRedis(fault);
    }
  }

  /** Milliseconds. */
  private lasts(): number {
    return this.random.between(50, 1500);
  }

  private async injectIntoRedis(fault: RedisFault): Promise<void> {
    const proxy = this.random.pick(this.proxies);
    const lasts = this.lasts();
    switch (fault) {
      case 'kill':
        await this.redis.kill();
        await sleep(lasts);
        return this.redis.start();
      case 'restart-from-snapshot':
        // The server comes back with what it knew a while ago: invalidations that it confirmed since are undone.
        await this.command(['SAVE']);
        await sleep(lasts);
        await this.redis.kill();
        return this.redis.start();
      case 'freeze':
        await this.redis.freeze();
        await sleep(lasts);
        return this.redis.thaw();
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
        for (const each of this.proxies) each.reset();
        return;
      default:
        return fault satisfies never;
    }
  }

  private async command(words: string[]): Promise<void> {
    const client = createClient({ url: this.redis.url(), RESP: 2 });
    client.on('error', () => undefined);
    await client.connect();
    await client.sendCommand(words);
    client.destroy();
  }
}
