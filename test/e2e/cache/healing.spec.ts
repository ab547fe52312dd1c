import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { createPlatform, type Person, type PlatformJson, register } from '../../support/factories.js';

let app: TestApp;
let ada: Person;
let bob: Person;
let mine: PlatformJson;
let his: PlatformJson;

beforeAll(async () => {
  app = await startTestApp();
  ada = await register(app.client, app.backends.secrets);
  bob = await register(app.client, app.backends.secrets);
  mine = await createPlatform(ada, app.backends.secrets, { name: 'mine' });
  his = await createPlatform(bob, app.backends.secrets, { name: 'his' });
  await app.backends.settled();
});
afterAll(() => app.close());

const CORRUPT = 'platform-manager; fwd=miss; stored; detail=corrupt';
const HIT = 'platform-manager; hit';

interface Cached {
  readonly path: () => string;
  readonly key: () => string;
  /** The same entry of another user. */
  readonly foreign: () => Promise<string>;
}

/** The text under `key` once Bob has filled it. */
async function filledByBob(path: string, key: string): Promise<string> {
  await bob.client.get(path);
  return (await app.backends.redis.get(key)) ?? '';
}

const CACHED: Record<string, Cached> = {
  list: {
    path: () => '/v1/platforms',
    key: () => `user_platforms:${ada.id}`,
    foreign: () => filledByBob('/v1/platforms', `user_platforms:${bob.id}`),
  },
  'single connection': {
    path: () => `/v1/platforms/${mine.id}`,
    key: () => `platform:${mine.id}`,
    foreign: () => filledByBob(`/v1/platforms/${his.id}`, `platform:${his.id}`),
  },
  statistics: {
    path: () => `/v1/platforms/${mine.id}/stats`,
    key: () => `platform_stats:${ada.id}:${mine.id}`,
    foreign: () => filledByBob(`/v1/platforms/${his.id}/stats`, `platform_stats:${bob.id}:${his.id}`),
  },
};

type Damage = (key: string, cached: Cached) => Promise<unknown>;
const set =
  (text: string): Damage =>
  (key) =>
    app.backends.redis.set(key, text, { EX: 3600 });

const DAMAGES: Record<string, Damage> = {
  'half a JSON text': set('[{"id":1,'),
  'JSON of another shape': set('{"value":[],"expires":1}'),
  'a string in JSON': set('"[]"'),
  'a number': set('5'),
  'binary garbage': (key) => app.backends.redis.set(key, Buffer.from([0xff, 0xfe, 0, 0x80]), { EX: 3600 }),
  'a text of 10 MB': set(`[${' '.repeat(10 * 1024 * 1024)}]`),
  'JSON nested 100,000 deep': set('['.repeat(100_000)),
  'a hash': async (key) => {
    await app.backends.redis.del(key);
    await app.backends.redis.hSet(key, 'field', 'value');
  },
  'a list': async (key) => {
    await app.backends.redis.del(key);
    await app.backends.redis.rPush(key, '[]');
  },
  "another user's entry": async (key, { foreign }) =>
    app.backends.redis.set(key, await foreign(), { EX: 3600 }),
};

describe.each(Object.keys(CACHED))('the cached %s', (what) => {
  it.each(Object.keys(DAMAGES))(
    'heals from %s: the right answer, the entry replaced, then hits',
    async (how) => {
      const cached = CACHED[what] as Cached;
      const [path, key] = [cached.path(), cached.key()];
      const stable = (text: string) => text.replace(/"computedAt":"[^"]*"/, '');
      const right = stable((await ada.client.get(path)).text);

      await DAMAGES[how]?.(key, cached);
      const healed = await ada.client.get(path);
      expect([healed.status, stable(healed.text), healed.cacheStatus]).toEqual([200, right, CORRUPT]);
      expect(stable((await app.backends.redis.get(key)) ?? '')).toMatch(/^[[{]/);
      expect((await app.backends.redis.ttl(key)) > 0).toBe(true);
      const again = await ada.client.get(path);
      expect([stable(again.text), again.cacheStatus]).toEqual([right, HIT]);
    },
  );
});

describe('an entry that no load could have made', () => {
  it('is not shown when a list holds an inactive connection', async () => {
    const key = `user_platforms:${ada.id}`;
    const right = (await ada.client.get('/v1/platforms')).text;
    await app.backends.redis.set(key, right.replace('"isActive":true', '"isActive":false'), { EX: 3600 });
    expect((await ada.client.get('/v1/platforms')).text).toBe(right);
  });
});
