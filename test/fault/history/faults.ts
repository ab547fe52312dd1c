import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import type { RedisServer } from '../../support/servers/redis.js';
import type { TcpProxy } from '../../support/servers/tcp-proxy.js';
import type { Random } from './random.js';

const FAULTS = [
  'kill',
  'restart-from-snapshot',
  'freeze',
  'flush',
  'cut-one',
  'hang-one',
  'reset-all',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Breaks Redis and the ways to it, one fault after the other with a healthy spell between, until it is told to stop. */
export class FaultInjector {
  readonly counts: Record<Fault, number> = {
    kill: 0,
    'restart-from-snapshot': 0,
    freeze: 0,
    flush: 0,
    'cut-one': 0,
    'hang-one': 0,
    'reset-all': 0,
  };
  #stopped = false;

  constructor(
    private readonly random: Random,
    private readonly redis: RedisServer,
    private readonly proxies: readonly TcpProxy[],
  ) {}

  /** Ends healthy. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await sleep(this.random.between(600, 2000));
      if (this.#stopped) return;
      const fault = this.random.pick(FAULTS);
      this.counts[fault]++;
      await this.inject(fault);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  private async inject(fault: Fault): Promise<void> {
    const proxy = this.random.pick(this.proxies);
    const lasts = this.random.between(50, 1500);
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
