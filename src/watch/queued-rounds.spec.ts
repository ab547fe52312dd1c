import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { deferred, waitUntil, within } from '../../test/support/barrier.js';
import { type RedisCluster, startRedisCluster } from '../../test/support/servers/redis-cluster.js';
import { command } from '../../test/support/servers/redis-command.js';
import { startRedisSentinels } from '../../test/support/servers/redis-sentinels.js';
import { type RedisServer, startRedis } from '../../test/support/servers/redis.js';
import { redisTarget } from '../config/redis-target.js';
import { QueuedRounds } from './queued-rounds.js';
import type { Watcher } from './watcher.js';

const WAIT = { timeoutMs: 60_000, intervalMs: 20 };
const WAITING = '{platform-manager}:watch:wait';
const ORIGINS = Array.from({ length: 6 }, (_, n) => `https://instance-${n}.test`);

/** What is due is visited by two processes, which share one queue. */
class Fleet {
  readonly warnings: string[] = [];
  #due = [...ORIGINS];
  readonly #visits = new Map<string, number>();
  /** Awaited by each visit. */
  visiting: () => Promise<void> = async () => undefined;
  /** Awaited by each look for what is due. */
  looking: () => Promise<void> = async () => undefined;
  readonly #processes: QueuedRounds[];

  constructor(url: string, prefix = '') {
    const watcher: Pick<Watcher, 'due' | 'visit'> = {
      due: async () => {
        await this.looking();
        return this.#due;
      },
      visit: async (origin) => {
        this.#due = this.#due.filter((due) => due !== origin);
        this.#visits.set(origin, (this.#visits.get(origin) ?? 0) + 1);
        await this.visiting();
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

  async expectRound(timeoutMs = WAIT.timeoutMs): Promise<void> {
    await this.expectVisits(ORIGINS.length, timeoutMs);
  }

  /** Everything is due. */
  async expectVisits(count: number, timeoutMs: number): Promise<void> {
    this.#visits.clear();
    this.#due = [...ORIGINS];
    const what = `${count} of ${ORIGINS.length} that are due to be visited`;
    await waitUntil(() => this.#visits.size >= count, { ...WAIT, timeoutMs, what }).catch(
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
  const slot = Number(await command(cluster.nodes[0], ['CLUSTER', 'KEYSLOT', WAITING]));
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

  it('forgets what processes had not visited when they stopped: the next ones visit it in their first round', async () => {
    const server = await startRedis();
    removeServers = () => server.remove();
    const ends: (() => void)[] = [];
    fleet = new Fleet(server.url());
    fleet.visiting = () => new Promise((resolve) => ends.push(resolve));
    await fleet.expectVisits(4, WAIT.timeoutMs);
    const stopped = fleet.stop();
    // A process that has another visit still running takes what waits.
    ends[0]?.();
    const isTaken = async () => (await command(server, ['LLEN', WAITING])) === 0;
    await waitUntil(isTaken, { ...WAIT, what: 'what waits to be taken' });
    for (const end of ends) end();
    await stopped;
    fleet = new Fleet(server.url());
    await fleet.expectRound(20_000);
  }, 120_000);

  it.each([
    ['is dead', (redis: RedisServer) => redis.kill()],
    ['is frozen', (redis: RedisServer) => redis.freeze()],
  ])(
    'lets a process stop when Redis %s in the middle of a round',
    async (_, fail) => {
      const server = await startRedis();
      removeServers = () => server.remove();
      const looked = deferred();
      const failed = deferred();
      fleet = new Fleet(server.url());
      fleet.looking = () => {
        looked.resolve();
        return failed.promise;
      };
      await looked.promise;
      await fail(server);
      failed.resolve();
      await nextTurn();
      await within(fleet.stop(), 30_000, () => new Error('It waits for Redis'));
    },
    60_000,
  );

  it('needs no right of @dangerous, and no key without the prefix', async () => {
    const rights = ['on', '>p@ss', '~pm:*', '&*', '+@all', '-@dangerous'];
    const server = await startRedis({ args: ['--user', 'app', ...rights] });
    removeServers = () => server.remove();
    fleet = new Fleet(server.url(3).replace('//', '//app:p%40ss@'), 'pm:');
    await fleet.expectRound();
    expect(fleet.warnings).toEqual([]);
  }, 60_000);
});
