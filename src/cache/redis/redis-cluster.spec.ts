import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../../../test/support/barrier.js';
import { connectRedis } from '../../../test/support/connect-redis.js';
import { newEntry, sealedEntries } from '../../../test/support/sealed-entries.js';
import { type RedisCluster, startRedisCluster } from '../../../test/support/servers/redis-cluster.js';
import { command } from '../../../test/support/servers/redis-command.js';
import { CacheUnavailable } from '../cache-errors.js';
import { leaseKey } from '../lease-store.js';
import { RedisHealth } from './redis-health.js';
import { RedisStore } from './redis-store.js';

// Far above what a loaded machine needs, because these tests are not about timeouts.
const DEADLINE_MS = 5000;
const WAIT = { timeoutMs: 30_000, intervalMs: 20 };
const KEYS = Array.from({ length: 60 }, (_, n) => `platform:${n}`);

describe('the cache on a Redis Cluster', () => {
  let cluster: RedisCluster;
  const healths: RedisHealth[] = [];

  async function connect() {
    const health = new RedisHealth(connectRedis(cluster.url, DEADLINE_MS), {
      log: () => undefined,
      warn: () => undefined,
    });
    healths.push(health);
    const recoveries: boolean[] = [];
    health.onRecovery(async (serverChanged) => void recoveries.push(serverChanged));
    await health.start();
    await inUse(health);
    return {
      health,
      store: new RedisStore(health.connection, health.breaker, DEADLINE_MS, sealedEntries(), ''),
      recoveries,
    };
  }
  const inUse = (health: RedisHealth) =>
    waitUntil(() => health.state === 'closed', { ...WAIT, what: 'the cluster to be in use' });

  beforeAll(async () => {
    cluster = await startRedisCluster();
  }, 120_000);
  afterEach(async () => {
    await Promise.all(healths.splice(0).map((health) => health.stop()));
    await cluster.whenHealthy();
    await cluster.flush();
  }, 90_000);
  afterAll(() => cluster.remove(), 60_000);

  it('keeps an entry and its lease on one master, and entries on all of them', async () => {
    const { store } = await connect();
    for (const key of KEYS) {
      expect(await store.acquire(key, 'filler', 5000)).toEqual({ state: 'leased' });
      expect(await store.store(key, 'filler', newEntry('{}', 60_000))).toBe(true);
      expect(await store.get(key)).toBe('{}');
    }
    const counts = await Promise.all(
      (await cluster.masters()).map(async (node) => Number(await command(node, ['DBSIZE']))),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(KEYS.length);
    expect(Math.min(...counts)).toBeGreaterThan(0);

    await store.drop(KEYS);
    for (const key of KEYS) expect(await store.get(key)).toBeNull();
  });

  it('is not read after a failover until the invalidations that it may have lost are repeated', async () => {
    const { health, store, recoveries } = await connect();
    expect(recoveries).toEqual([true]);
    const epoch = health.epoch;
    const [victim] = await cluster.masters();
    await victim?.kill();
    await waitUntil(() => health.epoch !== epoch, { ...WAIT, what: 'the loss to be noticed' });
    await inUse(health);
    expect(recoveries.at(-1)).toBe(true);
    for (const key of KEYS) await store.drop([key]);
    await victim?.start();
    await cluster.whenHealthy();
  }, 60_000);

  it('notices a hand-over that breaks no connection, before a value of the new master is used', async () => {
    const { health, store, recoveries } = await connect();
    for (const key of KEYS) {
      await store.acquire(key, 'filler', 5000);
      await store.store(key, 'filler', newEntry('"old"', 60_000));
    }
    const [replica] = await cluster.replicas();
    if (replica === undefined) throw new Error('There is no replica');
    const untouched = health.epoch;
    const { length } = await cluster.masters();
    let askedAt = Number.NEGATIVE_INFINITY;
    // The old master answers reads until it knows that it is one no more.
    const isDone = async (): Promise<boolean> => {
      const masters = await cluster.masters();
      // Redis gives a hand-over up after five seconds, and says so only in its log.
      if (!masters.includes(replica) && performance.now() - askedAt > 6000) {
        askedAt = performance.now();
        await cluster.handOver(replica);
      }
      return masters.includes(replica) && masters.length === length;
    };
    await waitUntil(isDone, { ...WAIT, what: 'it to be done' });

    // A caller that got a value from a slot that moved sees that the epoch has changed, and does not use the value.
    let noticed = false;
    for (const key of KEYS) {
      await store.get(key).catch(() => null);
      noticed ||= health.epoch !== untouched;
      if (noticed) break;
    }
    expect(noticed).toBe(true);
    await inUse(health);
    expect(recoveries.at(-1)).toBe(true);
    expect(await store.get(KEYS[0] ?? '')).toBe('"old"');
  }, 60_000);

  it('is not used while slots are missing, and drops nothing by halves without saying so', async () => {
    const { health, store } = await connect();
    // All but two. Whichever nodes are masters now, one of them is killed, and too few are left to elect another.
    const lost = cluster.nodes.slice(2);
    await Promise.all(lost.map((node) => node.kill()));
    await waitUntil(() => health.state !== 'closed', { ...WAIT, what: 'the loss to be noticed' });
    await expect(store.drop(KEYS)).rejects.toBeInstanceOf(CacheUnavailable);
    await Promise.all(lost.map((node) => node.start()));
    await cluster.whenHealthy();
    await inUse(health);
    await store.drop([...KEYS, leaseKey('platform:1')]);
  }, 90_000);
});
