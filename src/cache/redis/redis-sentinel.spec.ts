import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../../../test/support/barrier.js';
import { newEntry, sealedEntries } from '../../../test/support/sealed-entries.js';
import { command } from '../../../test/support/servers/redis-cluster.js';
import {
  MASTER_NAME,
  type RedisSentinels,
  startRedisSentinels,
} from '../../../test/support/servers/redis-sentinels.js';
import { createRedisConnection } from './create-redis-connection.js';
import { RedisHealth } from './redis-health.js';
import { RedisStore } from './redis-store.js';

// Far above what a loaded machine needs, because these tests are not about timeouts.
const DEADLINE_MS = 5000;
const WAIT = { timeoutMs: 40_000, intervalMs: 20 };
const KEY = 'platform:1';

describe('the cache behind sentinels', () => {
  let servers: RedisSentinels;
  let health: RedisHealth;
  let store: RedisStore;
  let recoveries: boolean[];

  const inUse = () =>
    waitUntil(() => health.state === 'closed', { ...WAIT, what: 'the master to be in use' });
  const changed = (epoch: number) =>
    waitUntil(() => health.epoch !== epoch, { ...WAIT, what: 'the change to be noticed' });

  beforeAll(async () => {
    servers = await startRedisSentinels();
  }, 120_000);
  afterEach(async () => {
    await health.stop();
    await servers.whenHealthy();
  }, 90_000);
  afterAll(() => servers.remove(), 60_000);

  async function connect(url = servers.url): Promise<void> {
    const target = { kind: 'sentinel', urls: url.split(','), master: MASTER_NAME } as const;
    health = new RedisHealth(createRedisConnection(target, DEADLINE_MS), {
      log: () => undefined,
      warn: () => undefined,
    });
    recoveries = [];
    health.onRecovery(async (serverChanged) => void recoveries.push(serverChanged));
    await health.start();
    await inUse();
    store = new RedisStore(health.connection, health.breaker, DEADLINE_MS, sealedEntries(), '');
  }

  it('is on the server that they name, also when not all of them answer', async () => {
    await connect(`redis+sentinel://127.0.0.1:1/${MASTER_NAME},${servers.url}`);
    await store.acquire(KEY, 'filler', 5000);
    expect(await store.store(KEY, 'filler', newEntry('{}', 60_000))).toBe(true);
    expect(await command(await servers.master(), ['GET', KEY])).toMatch(/^\{\}\n/);
  }, 60_000);

  it('goes over to the new master after a kill, and makes good what may have been lost first', async () => {
    await connect();
    const old = await servers.master();
    const { epoch } = health;
    await old.kill();
    await changed(epoch);
    await inUse();
    expect(await servers.master()).not.toBe(old);
    expect(recoveries).toEqual([true, true]);
    await store.drop([KEY]);
    await old.start();
  }, 90_000);

  it('leaves a master that the others have given up, although it still answers', async () => {
    await connect();
    const old = await servers.master();
    const { epoch } = health;
    // The master still runs and serves. Only the sentinels are told to choose another one.
    await command(servers.sentinels[0], ['SENTINEL', 'FAILOVER', MASTER_NAME]);
    await changed(epoch);
    await waitUntil(async () => (await servers.master()) !== old, { ...WAIT, what: 'another master' });
    await inUse();
    await waitUntil(async () => (await store.acquire('platform:2', 'filler', 5000)).state === 'leased', {
      ...WAIT,
      what: 'a lease on the new master',
    });
    expect(await command(await servers.master(), ['GET', 'lease:{platform:2}'])).toBe('filler');
    expect(recoveries.at(-1)).toBe(true);
  }, 90_000);
});
