import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from '@redis/client';
import { waitUntil } from '../../../test/support/barrier.js';
import { connectRedis } from '../../../test/support/connect-redis.js';
import { newEntry, sealedEntries } from '../../../test/support/sealed-entries.js';
import { command } from '../../../test/support/servers/redis-command.js';
import {
  MASTER_NAME,
  type RedisSentinels,
  startRedisSentinels,
} from '../../../test/support/servers/redis-sentinels.js';
import { type RedisServer, startRedis } from '../../../test/support/servers/redis.js';
import { type RedisTarget, redisTarget, withSentinelLogin } from '../../config/redis-target.js';
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
  /** The sentinel that we ask may hear of a change later than the one that the cache listens to. */
  const another = (old: RedisServer) =>
    waitUntil(async () => (await servers.master()) !== old, { ...WAIT, what: 'another master' });
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
    health = new RedisHealth(connectRedis(url, DEADLINE_MS), {
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
    const before = recoveries.length;
    await old.kill();
    await changed(epoch);
    await inUse();
    await another(old);
    expect(recoveries.slice(before)).toContain(true);
    await store.drop([KEY]);
    await old.start();
  }, 90_000);

  it('leaves a master that the others have given up, although it still answers', async () => {
    await connect();
    const { epoch } = health;
    const before = recoveries.length;
    // The master still runs and serves. Only the sentinels are told to choose another one.
    await servers.failOver();
    await changed(epoch);
    await inUse();
    await waitUntil(async () => (await store.acquire('platform:2', 'filler', 5000)).state === 'leased', {
      ...WAIT,
      what: 'a lease on the new master',
    });
    expect(await command(await servers.master(), ['GET', 'lease:{platform:2}'])).toBe('filler');
    // A connection that is lost once more is a recovery too, of the same server.
    expect(recoveries.slice(before)).toContain(true);
  }, 90_000);
});

describe('sentinels that ask for a password', () => {
  const servers: RedisServer[] = [];

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.remove()));
  });

  /** @returns the target for a URL with the login of the server, as REDIS_URL and the settings of sentinels say it. */
  async function start(serverUser: string, sentinelUser: string, login: string) {
    const master = await startRedis({ args: ['--user', ...serverUser.split(' ')] });
    const lines = [
      `user ${sentinelUser}`,
      'user default off',
      `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${master.port} 1`,
    ];
    const sentinel = await startRedis({ sentinel: `${lines.join('\n')}\n` });
    servers.push(master, sentinel);
    return redisTarget.parse(`redis+sentinel://${login}@127.0.0.1:${sentinel.port}/${MASTER_NAME}/3`);
  }

  async function expectUse(target: RedisTarget): Promise<void> {
    const connection = connectRedis(target, DEADLINE_MS);
    await waitUntil(
      () =>
        connection.identity().then(
          () => true,
          () => false,
        ),
      { ...WAIT, what: 'the master to answer' },
    );
    await connection.client.set(KEY, 'x');
    connection.close();
    const [master] = servers;
    expect(await command(master, ['GET', KEY])).toBeNull();
    const client = createClient({ url: master?.url(3) ?? '', RESP: 2 });
    await client.connect();
    expect(await client.get(KEY)).toBe('x');
    client.destroy();
  }

  it('get that of the servers, when none of their own is given', async () => {
    const all = '~* &* +@all';
    await expectUse(await start(`app on >p@ss ${all}`, `app on >p@ss ${all}`, 'app:p%40ss'));
  });

  it('get their own, also beside a user of the servers without @dangerous', async () => {
    const target = await start(
      'app on >p@ss ~* &* +@all -@dangerous',
      'watcher on >other ~* &* +@all',
      'app:p%40ss',
    );
    await expectUse(withSentinelLogin(target, 'watcher', 'other'));
  });

  it('are not used with a wrong one, for a reason without it', async () => {
    const target = await start('app on >p@ss ~* &* +@all', 'watcher on >other ~* &* +@all', 'app:p%40ss');
    const refused = connectRedis(withSentinelLogin(target, 'watcher', 'hunter2'), DEADLINE_MS).identity();
    await expect(refused).rejects.toThrow(/No sentinel names a master: .*WRONGPASS/);
    await expect(refused).rejects.not.toThrow(/hunter2|p@ss/);
  });
});
