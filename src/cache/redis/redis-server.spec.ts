import { afterEach, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../../../test/support/barrier.js';
import { connectRedis } from '../../../test/support/connect-redis.js';
import { newEntry, sealedEntries } from '../../../test/support/sealed-entries.js';
import { type RedisCluster, startRedisCluster } from '../../../test/support/servers/redis-cluster.js';
import { command } from '../../../test/support/servers/redis-command.js';
import { type RedisServer, startRedis } from '../../../test/support/servers/redis.js';
import {
  makeTemporaryFolder,
  removeTemporaryFolder,
} from '../../../test/support/servers/temporary-folder.js';
import { unprivilegedUser } from '../../../test/support/servers/unprivileged-user.js';
import { CLUSTER_NODE } from './create-redis-connection.js';
import { RedisHealth } from './redis-health.js';
import { RedisStore } from './redis-store.js';

// Far above what a loaded machine needs, because these tests are not about timeouts.
const DEADLINE_MS = 5000;
const WAIT = { timeoutMs: 30_000, intervalMs: 20 };
const KEY = 'platform:1';
const KEYS = Array.from({ length: 30 }, (_, n) => `platform:${n}`);
/** A user with a password that a URL has to encode, and without INFO, ROLE and KEYS. */
const ACL = ['--user', 'app', 'on', '>p@ss:%/,', '~*', '&*', '+@all', '-@dangerous'];
const LOGIN = 'app:p%40ss%3A%25%2F%2C@';

const servers: RedisServer[] = [];
const healths: RedisHealth[] = [];
let cluster: RedisCluster | undefined;

afterEach(async () => {
  await Promise.all(healths.splice(0).map((health) => health.stop()));
  await Promise.all(servers.splice(0).map((server) => server.remove()));
  await cluster?.remove();
  cluster = undefined;
}, 60_000);

async function start(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args });
  servers.push(server);
  return server;
}

async function connect(url: string) {
  const said: string[] = [];
  const warn = (text: string): void => void said.push(text);
  const health = new RedisHealth(connectRedis(url, DEADLINE_MS, warn), { log: () => undefined, warn });
  healths.push(health);
  const recoveries: boolean[] = [];
  health.onRecovery(async (serverChanged) => void recoveries.push(serverChanged));
  await health.start();
  await inUse(health);
  const store = new RedisStore(health.connection, health.breaker, DEADLINE_MS, sealedEntries(), '');
  return { health, store, recoveries, said };
}

const inUse = (health: RedisHealth) =>
  waitUntil(() => health.state === 'closed', { ...WAIT, what: 'Redis to be in use' });

async function keep(store: RedisStore, key: string): Promise<void> {
  expect(await store.acquire(key, 'filler', 5000)).toEqual({ state: 'leased' });
  expect(await store.store(key, 'filler', newEntry('{}', 60_000))).toBe(true);
}

const as = (login: string, server: RedisServer): string => server.url().replace('//', `//${login}`);

describe('a user without @dangerous', () => {
  it('uses the cache, and knows after a restart that loaded old data that drops were lost', async () => {
    const server = await start(...ACL);
    const { health, store, recoveries, said } = await connect(as(LOGIN, server));
    await keep(store, KEY);
    await command(server, ['SAVE']);
    await store.drop([KEY]);
    const { epoch } = health;
    await server.kill();
    await waitUntil(() => health.epoch !== epoch, { ...WAIT, what: 'the loss to be noticed' });
    await server.start();
    await inUse(health);
    // What was dropped is back, and so is the witness.
    expect(await command(server, ['EXISTS', KEY])).toBe(1);
    expect(recoveries).toEqual([true, true]);
    expect(said).toHaveLength(1);
  });

  it('notices a server behind a kept connection that went back to an older state, within its checks', async () => {
    const server = await start(...ACL);
    const { health, recoveries } = await connect(as(LOGIN, server));
    const [witness = ''] = (await command(server, ['KEYS', 'platform_manager:witness:*'])) as string[];
    const old = String(await command(server, ['GET', witness]));
    await waitUntil(async () => (await command(server, ['GET', witness])) !== old, {
      ...WAIT,
      what: 'the next check',
    });
    const { epoch } = health;
    await command(server, ['SET', witness, old]);
    await waitUntil(() => health.epoch !== epoch, { ...WAIT, what: 'the older value to be noticed' });
    await inUse(health);
    expect(recoveries).toEqual([true, true]);
    expect(await command(server, ['PTTL', witness])).toBeGreaterThan(60_000);
  });

  it('goes on reading from a server that is full', async () => {
    const server = await start(...ACL);
    const { health, store, recoveries } = await connect(as(LOGIN, server));
    await keep(store, KEY);
    await command(server, ['CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '1']);
    const { epoch } = health;
    for (let time = 0; time < 2; time++) await health.connection.identity();
    expect(await store.get(KEY)).toBe('{}');
    await command(server, ['CONFIG', 'SET', 'maxmemory', '0']);
    await health.connection.identity();
    expect([health.epoch, recoveries]).toEqual([epoch, [true]]);
  });
});

it('with INFO, a connection that was lost without a restart costs no replay, and there is no witness', async () => {
  const server = await start();
  const { health, recoveries } = await connect(server.url());
  const { epoch } = health;
  await command(server, ['CLIENT', 'KILL', 'TYPE', 'normal']);
  await waitUntil(() => health.epoch !== epoch, { ...WAIT, what: 'the loss to be noticed' });
  await inUse(health);
  expect(recoveries).toEqual([true, false]);
  expect(await command(server, ['KEYS', '*'])).toEqual([]);
});

describe('one server', () => {
  it('is reached with a database number, and by its socket', async () => {
    const folder = await makeTemporaryFolder('test-socket-', await unprivilegedUser());
    try {
      const server = await start(...ACL, '--unixsocket', `${folder}/redis.sock`);
      const tcp = await connect(`${as(LOGIN, server)}`.replace(/0$/, '7'));
      await keep(tcp.store, KEY);
      const socket = await connect(`unix://${LOGIN}${folder}/redis.sock?db=7`);
      expect(await socket.store.get(KEY)).toBe('{}');
      const other = await connect(`unix://${folder}/redis.sock`);
      expect(await other.store.get(KEY)).toBeNull();
      await Promise.all(healths.splice(0).map((health) => health.stop()));
    } finally {
      await Promise.all(servers.splice(0).map((server) => server.remove()));
      await removeTemporaryFolder(folder);
    }
  });

  it('says why a database that the server does not have cannot be used', async () => {
    const server = await start('--databases', '2');
    await expect(connectRedis(`redis://127.0.0.1:${server.port}/2`, DEADLINE_MS).identity()).rejects.toThrow(
      /DB index is out of range/,
    );
  });
});

it('one node of a cluster is used as the cluster, and said once', async () => {
  cluster = await startRedisCluster();
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error('There is no node');
  const { health, store, said } = await connect(node.url());
  for (const key of KEYS) await keep(store, key);
  for (const key of KEYS) expect(await store.get(key)).toBe('{}');
  await store.drop(KEYS);
  const [{ epoch }] = [health];
  await command(node, ['CLIENT', 'KILL', 'TYPE', 'normal']);
  await waitUntil(() => health.epoch !== epoch, { ...WAIT, what: 'the loss to be noticed' });
  await inUse(health);
  expect(said.filter((text) => text === CLUSTER_NODE)).toHaveLength(1);
}, 120_000);
