import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient } from '@redis/client';
import { flushCache } from '../../../src/cli/flush-cache.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { Backends, IMPATIENT_WITH_REDIS } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { type RedisServer, startRedis } from '../../support/servers/redis.js';
import { Watched } from '../../support/watched.js';

const VERIFY = '/api/v1/accounts/verify_credentials';
const TOKEN = 'token-of-alice-1234567890';
const WAIT = { timeoutMs: 60_000, intervalMs: 20 } as const;

describe('the watcher with Redis', () => {
  let backends: Backends;
  let redis: RedisServer;
  let fakes: FakeInstance[];
  const apps: ConnectApp[] = [];
  let watched: Watched;
  let caller: Caller;
  let userId: number;
  let env: Record<string, string>;

  beforeAll(async () => {
    redis = await startRedis();
    backends = await Backends.create({ redisUrl: redis.url() });
    backends.secrets.add(TOKEN);
    fakes = await Promise.all(Array.from({ length: 5 }, () => startFakeInstance('mastodon')));
    env = {
      ...IMPATIENT_WITH_REDIS,
      WATCH_ENABLED: 'true',
      WATCH_ROUND_SECONDS: '1',
      WATCH_SPACING_MS: '1',
    };
    for (let n = 0; n < 2; n++) apps.push(await start());
    watched = new Watched(app().app);
    caller = await app().signUp();
    userId = Number((await caller.send('GET', '/v1/me')).body.id);
  }, 120_000);
  beforeEach(async () => {
    await watched.sql('DELETE FROM platform_connections');
    for (const fake of fakes) {
      fake.addToken(TOKEN);
      fake.requests.length = 0;
    }
  });
  afterEach(() => redis.thaw());
  afterAll(async () => {
    await app().expectCleanRecord();
    for (const one of apps) await one.close();
    await Promise.all(fakes.map((fake) => fake.close()));
    await backends.remove();
    await redis.remove();
  }, 120_000);

  function start(more: Record<string, string> = {}): Promise<ConnectApp> {
    return startConnectApp({ allowlist: fakes.map(({ host }) => host), backends, env: { ...env, ...more } });
  }

  function app(index = 0): ConnectApp {
    const found = apps[index];
    if (found === undefined) throw new Error('It has not been started.');
    return found;
  }

  const asked = () => fakes.reduce((sum, fake) => sum + fake.asked(VERIFY).length, 0);

  async function connect(count: number): Promise<void> {
    const inputs = Array.from({ length: count }, (_, n) => ({
      instanceUrl: fakes[n % fakes.length]?.origin ?? '',
      accessToken: TOKEN,
    }));
    await watched.insert(userId, inputs);
  }

  async function expectRounds(count: number): Promise<void> {
    const before = asked();
    await watched.everythingDue();
    await waitUntil(() => asked() >= before + count, { ...WAIT, what: 'everything to be checked' });
    const allDone = async () =>
      (await watched.sql("SELECT 1 FROM platform_watch WHERE next_check_at < now() + interval '1 hour'"))
        .length === 0;
    await waitUntil(allDone, { ...WAIT, what: 'the next checks to be planned' });
    expect(asked()).toBe(before + count);
  }

  async function keysOf(prefix: string): Promise<string[]> {
    const client = createClient({ url: redis.url(), RESP: 2 });
    await client.connect();
    const keys = await client.keys(`${prefix}*`);
    const held = await Promise.all(
      keys.map(async (key) =>
        (await client.type(key)) === 'hash' ? JSON.stringify(await client.hGetAll(key)) : '',
      ),
    );
    client.destroy();
    return keys.map((key, index) => `${key} ${held[index]}`);
  }

  /** Of both: Nest's loggers all write to the application that was made last. */
  const told = (): number =>
    apps.flatMap(({ log }) => log).filter((line) => /"Watcher".*Redis accepts jobs/.test(line)).length;

  it('shares the work between processes: each connection is checked once', async () => {
    await connect(50);
    await expectRounds(50);
  });

  it('keeps a handful of keys in one slot, none of them with a token, and no job that is done', async () => {
    await connect(25);
    await expectRounds(25);
    const jobs = async () =>
      (await keysOf('{platform-manager}:watch:')).filter((key) =>
        /^\{platform-manager\}:watch:\d+ /.test(key),
      );
    await waitUntil(async () => (await jobs()).length === 0, { ...WAIT, what: 'the jobs to be gone' });
    const all = await keysOf('');
    expect(
      all.filter((key) => /bull|watch/.test(key) && !key.startsWith('{platform-manager}:watch:')),
    ).toEqual([]);
    expect(all.join('\n')).not.toContain(TOKEN);
  });

  it('is not disturbed by cache:flush, nor by a Redis that loses everything', async () => {
    await connect(10);
    await expectRounds(10);
    const before = (await keysOf('{platform-manager}')).length;
    await flushCache(loadConfig({ ...backends.env(), ...env }));
    expect((await keysOf('{platform-manager}')).length).toBeGreaterThanOrEqual(Math.min(before, 2));
    await expectRounds(10);
    const client = createClient({ url: redis.url(), RESP: 2 });
    await client.connect();
    await client.flushAll();
    client.destroy();
    await expectRounds(10);
  }, 180_000);

  it('waits while Redis is dead, says so once, and goes on; requests are answered meanwhile', async () => {
    await connect(10);
    await expectRounds(10);
    const before = told();
    await redis.kill();
    await watched.everythingDue();
    for (let n = 0; n < 5; n++) expect((await caller.send('GET', '/v1/platforms')).status).toBe(200);
    await waitUntil(() => told() === before + apps.length, { ...WAIT, what: 'a word of each in the log' });
    await redis.start();
    await expectRounds(10);
    await waitUntil(() => told() === before + 2 * apps.length, { ...WAIT, what: 'another word of each' });
  }, 180_000);

  it('waits while Redis is frozen, and goes on when it thaws', async () => {
    await connect(10);
    await expectRounds(10);
    await redis.freeze();
    expect((await caller.send('GET', '/v1/platforms')).status).toBe(200);
    redis.thaw();
    await expectRounds(10);
  }, 180_000);

  it('starts without Redis, serves, and ends in time', async () => {
    const lonely = await start({ REDIS_URL: 'redis://127.0.0.1:1' });
    try {
      expect((await caller.send('GET', `${lonely.baseUrl}/health/live`)).status).toBe(200);
    } finally {
      await expectClosedInTime(lonely);
    }
  }, 180_000);

  it('ends in time with Redis frozen', async () => {
    const other = await start();
    await redis.freeze();
    await expectClosedInTime(other);
  }, 180_000);
});

async function expectClosedInTime(app: ConnectApp): Promise<void> {
  const began = performance.now();
  await app.close();
  expect(performance.now() - began).toBeLessThan(30_000);
}
