import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Backends, IMPATIENT_WITH_REDIS } from '../../support/backends.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { freePort } from '../../support/servers/free-port.js';
import { type RedisServer, startRedis } from '../../support/servers/redis.js';

/** Two calls of Redis have 100 ms each, the instance is near, and the machine may be busy. */
const BOUND_MS = 1500;

let redis: RedisServer;
let backends: Backends;
let app: ConnectApp;
let fake: FakeInstance;
let caller: Caller;

beforeAll(async () => {
  redis = await startRedis();
  backends = await Backends.create({ redisUrl: redis.url() });
  const port = await freePort();
  fake = await startFakeInstance('mastodon', { port });
  app = await startConnectApp({ allowlist: [`127.0.0.1:${port}`], backends, env: IMPATIENT_WITH_REDIS });
  caller = await app.signUp();
}, 60_000);
afterAll(async () => {
  redis.thaw();
  await app.expectCleanRecord();
  await app.close();
  await fake.close();
  await backends.remove();
  await redis.remove();
}, 60_000);

async function inTime(path: string): Promise<{ status: number; visited: boolean }> {
  const [began, visits] = [performance.now(), fake.requests.length];
  const { status } = await caller.send('POST', path, { instance: fake.origin });
  expect(performance.now() - began).toBeLessThan(BOUND_MS);
  return { status, visited: fake.requests.length > visits };
}

it('an instance is looked up and connected to in time while Redis is frozen, from the instance itself, and from Redis again after', async () => {
  const lookup = () => inTime('/v1/instances/lookup');
  expect(await lookup()).toEqual({ status: 200, visited: true });
  expect(await lookup()).toEqual({ status: 200, visited: false });
  await redis.freeze();
  // Until the breaker opens and after.
  for (let n = 0; n < 5; n++) expect(await lookup()).toEqual({ status: 200, visited: true });
  expect((await inTime('/v1/connect')).status).toBe(200);
  redis.thaw();
  const deadline = performance.now() + 10_000;
  while ((await lookup()).visited) expect(performance.now()).toBeLessThan(deadline);
}, 60_000);
