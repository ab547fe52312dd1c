import { afterEach, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../../test/support/barrier.js';
import { type RedisCluster, startRedisCluster } from '../../test/support/servers/redis-cluster.js';
import { command } from '../../test/support/servers/redis-command.js';
import { startRedisSentinels } from '../../test/support/servers/redis-sentinels.js';
import { type RedisServer, startRedis } from '../../test/support/servers/redis.js';
import { redisTarget } from '../config/redis-target.js';
import { QueuedRounds } from './queued-rounds.js';
import type { Watcher } from './watcher.js';

const WAIT = { timeoutMs: 60_000, intervalMs: 20 };
const ORIGINS = Array.from({ length: 6 }, (_, n) => `https://instance-${n}.test`);

/** What is due is visited by two processes, which share one queue. */
class Fleet {
  readonly warnings: string[] = [];
  #due: string[] = [];
  readonly #visits = new Map<string, number>();
  readonly #processes: QueuedRounds[];

  constructor(url: string, prefix = '') {
    const watcher: Pick<Watcher, 'due' | 'visit'> = {
      due: async () => this.#due,
      visit: async (origin) => {
        this.#due = this.#due.filter((due) => due !== origin);
        this.#visits.set(origin, (this.#visits.get(origin) ?? 0) + 1);
        return 'done';
      },
    };
    const logger = { log: () => undefined, warn: (text: string) => void this.warnings.push(text) };
    const options = { roundMs: 200, concurrency: 2 };
    this.#processes = Array.from(
      { length: 2 },
      () => new QueuedRounds(redisTarget.parse(url), prefix, watcher as Watcher, options, logger),
    );
    for (const process of this.#processes) process.start();
  }

  async expectRound(): Promise<void> {
    this.#visits.clear();
    this.#due = [...ORIGINS];
    const all = () => ORIGINS.every((origin) => this.#visits.has(origin));
    await waitUntil(all, { ...WAIT, what: 'everything that is due to be visited' }).catch(
      (error: unknown) => {
        throw new Error(`${(error as Error).message}: ${this.warnings.join('; ')}`);
      },
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
  }
}

let fleet: Fleet | undefined;
let removeServers: () => Promise<void> = async () => undefined;

afterEach(async () => {
  await fleet?.stop();
  await removeServers();
}, 60_000);

async function masterOfQueue(cluster: RedisCluster): Promise<RedisServer> {
  const key = '{platform-manager}:watch:wait';
  const slot = Number(await command(cluster.nodes[0], ['CLUSTER', 'KEYSLOT', key]));
  for (const node of await cluster.masters()) {
    const count = Number(await command(node, ['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]));
    if (count > 0) return node;
  }
  throw new Error('No master has the queue');
}

describe('the queue', () => {
  it('is on the node of a cluster that has its slot, also after a failover, when one node or all are named', async () => {
    const cluster = await startRedisCluster();
    removeServers = () => cluster.remove();
    for (const url of [cluster.url, ...cluster.nodes.slice(0, 2).map((node) => node.url())]) {
      fleet = new Fleet(url);
      await fleet.expectRound();
      expect(fleet.warnings.filter((text) => !text.includes('MOVED'))).toEqual([]);
      if (url === cluster.url) {
        const master = await masterOfQueue(cluster);
        await master.kill();
        await fleet.expectRound();
        await master.start();
        await cluster.whenHealthy();
      }
      await fleet.stop();
    }
  }, 180_000);

  it('is on the master that the sentinels name, also after a failover', async () => {
    const servers = await startRedisSentinels();
    removeServers = () => servers.remove();
    fleet = new Fleet(`${servers.url.replaceAll(/(?=,|$)/g, '/2')}`);
    await fleet.expectRound();
    await (await servers.master()).kill();
    await fleet.expectRound();
    expect(await command(await servers.master(), ['DBSIZE'])).toBe(0);
  }, 180_000);

  it('needs no right of @dangerous, and no key without the prefix', async () => {
    const rights = ['on', '>p@ss', '~pm:*', '&*', '+@all', '-@dangerous'];
    const server = await startRedis({ args: ['--user', 'app', ...rights] });
    removeServers = () => server.remove();
    fleet = new Fleet(server.url(3).replace('//', '//app:p%40ss@'), 'pm:');
    await fleet.expectRound();
    expect(fleet.warnings).toEqual([]);
  }, 60_000);
});
