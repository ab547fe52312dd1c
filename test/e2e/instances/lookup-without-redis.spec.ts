import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Backends, IMPATIENT_WITH_REDIS } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { expectBestRound } from '../../support/best-round.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { freePort } from '../../support/servers/free-port.js';
import { type RedisServer, startRedis } from '../../support/servers/redis.js';

/** Two calls of Redis have 100 ms each, and the instance is near. What hangs takes 5 seconds. */
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

interface Lookup {
  readonly status: number;
  /** By asking the instance. */
  readonly visited: boolean;
  readonly tookMs: number;
}

async function ask(path: string): Promise<Lookup> {
  const [began, visits] = [performance.now(), fake.requests.length];
  const { status } = await caller.send('POST', path, { instance: fake.origin });
  return { status, visited: fake.requests.length > visits, tookMs: performance.now() - began };
}

it('an instance is looked up and connected to in time while Redis is frozen, from the instance itself, and from Redis again after', async () => {
  const lookup = () => ask('/v1/instances/lookup');
  expect(await lookup()).toMatchObject({ status: 200, visited: true });
  await expectBestRound(async () => {
    expect(await lookup()).toMatchObject({ status: 200, visited: false });
    await redis.freeze();
    const answers: Lookup[] = [];
    // Until the breaker opens and after.
    for (let n = 0; n < 5; n++) {
      answers.push(await lookup());
      expect(answers.at(-1)).toMatchObject({ status: 200, visited: true });
    }
    answers.push(await ask('/v1/connect'));
    expect(answers.at(-1)).toMatchObject({ status: 200 });
    redis.thaw();
    const again = async (): Promise<boolean> => !(await lookup()).visited;
    await waitUntil(again, { timeoutMs: 20_000, what: 'an answer from Redis' });
    const slowest = Math.max(...answers.map(({ tookMs }) => tookMs));
    return [{ what: 'slowest answer while Redis is frozen, ms', value: slowest, limit: BOUND_MS }];
  });
}, 120_000);
