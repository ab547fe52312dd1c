import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends, IMPATIENT_WITH_REDIS } from '../../support/backends.js';
import { waitUntil, within } from '../../support/barrier.js';
import { createPlatform, type Person, type PlatformJson, register } from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectNoneSeen } from '../../support/leaks.js';
import { freePort } from '../../support/servers/free-port.js';
import { type RedisServer, startRedis } from '../../support/servers/redis.js';

/** What hangs never ends: each Redis call has 100 ms, a write two seconds more, and a busy machine needs its time. */
const BOUND_MS = 15_000;
const RECOVERY_MS = 30_000;

// A Redis of this file's own, new for each test: it is killed, frozen, and made a replica.
let redis: RedisServer;
let backends: Backends;
let app: TestApp;
let ada: Person;
let platform: PlatformJson;

beforeEach(async () => {
  redis = await startRedis();
  backends = await Backends.create({ redisUrl: redis.url() });
  app = await startTestApp({ backends, env: IMPATIENT_WITH_REDIS });
  ada = await register(app.client, backends.secrets);
  platform = await createPlatform(ada, backends.secrets, { name: 'version 0' });
  await ada.client.get('/v1/platforms');
  await ada.client.get(`/v1/platforms/${platform.id}`);
}, 120_000);
afterEach(async () => {
  redis.thaw();
  await app.app.close();
  try {
    expectNoneSeen(backends);
  } finally {
    await backends.remove();
    await redis.remove();
  }
}, 120_000);

async function inTime(answer: Promise<TestResponse>): Promise<TestResponse> {
  const response = await answer;
  expect(response.durationMs).toBeLessThan(BOUND_MS);
  return response;
}

/** All reads, each right, in time, and never an empty list. */
async function expectName(name: string, client = ada.client): Promise<void> {
  const list = await inTime(client.get('/v1/platforms'));
  expect([list.status, list.json<PlatformJson[]>().map((one) => one.name)]).toEqual([200, [name]]);
  for (const path of ['/v1/platforms/default', `/v1/platforms/${platform.id}`]) {
    const answer = await inTime(client.get(path));
    expect([path, answer.status, answer.json<PlatformJson>().name]).toEqual([path, 200, name]);
  }
  const stats = await inTime(client.get(`/v1/platforms/${platform.id}/stats`));
  expect([stats.status, stats.json<{ platformName: string }>().platformName]).toEqual([200, name]);
}

/** Reads and writes that alternate: every read shows the last write. */
async function expectWritesAndReads(from: number, rounds = 3): Promise<void> {
  for (let version = from; version < from + rounds; version++) {
    await expectName(`version ${version - 1}`);
    const path = `/v1/platforms/${platform.id}`;
    const change = await inTime(ada.client.patch(path, { name: `version ${version}` }));
    expect(change.status).toBe(200);
    await expectName(`version ${version}`);
  }
}

async function expectHitsAgain(name: string): Promise<void> {
  const hit = async () => {
    await expectName(name);
    return (await ada.client.get('/v1/platforms')).cacheStatus === 'platform-manager; hit';
  };
  await waitUntil(hit, { timeoutMs: RECOVERY_MS, what: 'hits again', intervalMs: 50 });
  await expectName(name);
}

const ready = async () => (await app.client.get('/health/ready')).json<{ status: string; cache: string }>();

describe('with Redis', () => {
  it('killed, reads and writes go on from the database; after its restart they are cached and right', async () => {
    await redis.kill();
    await expectWritesAndReads(1);
    const answer = await ada.client.get('/v1/platforms');
    expect(answer.cacheStatus).toMatch(
      /^platform-manager; fwd=bypass; detail=(redis-unavailable|recovering)$/,
    );
    await waitUntil(async () => (await ready()).cache === 'down', {
      timeoutMs: 15_000,
      what: 'Redis to be given up',
    });
    expect(await ready()).toMatchObject({ status: 'degraded', database: 'up' });
    await redis.start();
    await expectHitsAgain('version 3');
    expect(await ready()).toMatchObject({ status: 'ok', cache: 'up' });
  }, 120_000);

  it('frozen, nothing hangs; after it thaws, the entries that it kept from before are not believed', async () => {
    await redis.freeze();
    await expectWritesAndReads(1);
    redis.thaw();
    await expectName('version 3');
    await expectHitsAgain('version 3');
  }, 120_000);

  it('turned into a read-only replica of a dead server, no old entry is answered after a write', async () => {
    await backends.redis.sendCommand(['REPLICAOF', '127.0.0.1', String(await freePort())]);
    await expectWritesAndReads(1);
    await backends.redis.sendCommand(['REPLICAOF', 'NO', 'ONE']);
    await expectHitsAgain('version 3');
  }, 120_000);

  it('full, reads and writes go on', async () => {
    await backends.redis.configSet({ maxmemory: '1', 'maxmemory-policy': 'noeviction' });
    await expectWritesAndReads(1);
    await backends.redis.configSet({ maxmemory: '0' });
    await expectHitsAgain('version 3');
  }, 120_000);

  it('flushed in the middle, reads are right and cached again', async () => {
    await backends.redis.flushAll();
    await expectHitsAgain('version 0');
    await expectWritesAndReads(1);
  }, 120_000);

  it('frozen, 200 readers at once are answered in time', async () => {
    await redis.freeze();
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => inTime(ada.client.get('/v1/platforms'))),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.json()).toMatchObject([{ name: 'version 0' }]);
    redis.thaw();
  }, 120_000);

  it('frozen, the app still closes, and in time', async () => {
    const other = await startTestApp({ backends, env: IMPATIENT_WITH_REDIS });
    await other.client.as(ada).get('/v1/platforms');
    await redis.freeze();
    await inTime(other.client.as(ada).patch(`/v1/platforms/${platform.id}`, { name: 'version 1' }));
    const closed = other.app.close();
    await within(closed, 30_000, () => new Error('The app did not close within 30 s'));
    redis.thaw();
  }, 120_000);

  it('absent at the start, the app starts, serves from the database, and caches when Redis comes', async () => {
    await redis.kill();
    const late = await startTestApp({ backends, env: IMPATIENT_WITH_REDIS });
    try {
      await expectName('version 0', late.client.as(ada));
      expect((await late.client.get('/health/ready')).json()).toMatchObject({
        status: 'degraded',
        cache: 'down',
      });
      for (const [method, path] of [
        ['POST', '/v1/platforms/cache/refresh'],
        ['DELETE', '/v1/platforms/cache'],
      ] as const) {
        expect((await inTime(late.client.as(ada).request(method, path))).status).toBe(503);
      }
      await redis.start();
      const hit = async () =>
        (await late.client.as(ada).get('/v1/platforms')).cacheStatus === 'platform-manager; hit';
      await waitUntil(hit, { timeoutMs: RECOVERY_MS, what: 'the late app to use Redis', intervalMs: 50 });
    } finally {
      await late.app.close();
    }
  }, 120_000);

  it('in and out of service, nothing secret is logged, answered or kept', async () => {
    await redis.kill();
    await expectWritesAndReads(1, 1);
    await redis.start();
    await expectHitsAgain('version 1');
    await app.expectCleanRecord();
  }, 120_000);
});
