import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FernetKey, fernetDecrypt } from '../../../src/crypto/fernet.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import {
  createPlatform,
  type Person,
  platformInput,
  type PlatformJson,
  register,
} from '../../support/factories.js';
import { StatementCounter } from '../../support/statements.js';

let app: TestApp;
let ada: Person;

const HIT = 'platform-manager; hit';
const STORED = 'platform-manager; fwd=miss; stored';

beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(async () => {
  ada = await register(app.client, app.backends.secrets);
});
afterAll(() => app.close());

async function create(own = {}): Promise<PlatformJson> {
  const platform = await createPlatform(ada, app.backends.secrets, own);
  await app.backends.settled();
  return platform;
}

const statuses = async (path: string, times = 2): Promise<(string | null)[]> => {
  const seen = [];
  for (let time = 0; time < times; time++) seen.push((await ada.client.get(path)).cacheStatus);
  return seen;
};
const entry = (key: string): Promise<string | null> => app.backends.cached(key);

describe('Cache-Status', () => {
  it('says miss and stored, then hit, for every cached read', async () => {
    const { id } = await create();
    expect(await statuses('/v1/platforms')).toEqual([STORED, HIT]);
    expect(await statuses('/v1/platforms/default')).toEqual([HIT, HIT]);
    expect(await statuses(`/v1/platforms/${id}`)).toEqual([STORED, HIT]);
    expect(await statuses(`/v1/platforms/${id}/stats`)).toEqual([STORED, HIT]);
    expect(await statuses('/v1/platforms/default/stats')).toEqual([HIT, HIT]);
  });

  it('says why the cache was passed by', async () => {
    const bypass = 'platform-manager; fwd=bypass; detail=include-inactive';
    expect(await statuses('/v1/platforms?includeInactive=true')).toEqual([bypass, bypass]);
  });

  it('says stored each time when a reload is asked for', async () => {
    await statuses('/v1/platforms');
    expect(await statuses('/v1/platforms?refresh=true')).toEqual([STORED, STORED]);
    expect(await statuses('/v1/platforms', 1)).toEqual([HIT]);
  });

  it('is not on the 404 of a single connection, where it would tell whether the id exists', async () => {
    for (let time = 0; time < 2; time++) {
      const answer = await ada.client.get('/v1/platforms/2000000001');
      expect([answer.status, answer.cacheStatus]).toEqual([404, null]);
    }
  });
});

describe('what stands in Redis', () => {
  it('is under user_platforms:<id> the plain JSON array of the answer, for an hour', async () => {
    await create();
    const answer = await ada.client.get('/v1/platforms');
    expect(await entry(`user_platforms:${ada.id}`)).toBe(answer.text);
    const ttl = await app.backends.redis.pTTL(`user_platforms:${ada.id}`);
    expect(ttl).toBeGreaterThan(3_500_000);
    expect(ttl).toBeLessThanOrEqual(3_600_000);
    expect((await ada.client.get('/v1/platforms')).text).toBe(answer.text);
  });

  it('is [] for a user without connections, and the first creation replaces it', async () => {
    expect(await statuses('/v1/platforms')).toEqual([STORED, HIT]);
    expect(await entry(`user_platforms:${ada.id}`)).toBe('[]');
    await create();
    expect((await ada.client.get('/v1/platforms')).json<unknown[]>()).toHaveLength(1);
  });

  it('is under platform:<id> the view and ciphertexts that any Fernet library opens, for an hour', async () => {
    const input = platformInput(app.backends.secrets);
    const { id } = (await ada.client.post('/v1/platforms', input)).json<PlatformJson>();
    await app.backends.settled();
    const view = (await ada.client.get(`/v1/platforms/${id}`)).json();
    const { credentials, ...rest } = JSON.parse((await entry(`platform:${id}`)) ?? '') as {
      credentials: Record<string, string>;
    };
    expect(rest).toEqual(view);
    const open = (token = '') => fernetDecrypt(FernetKey.parse(app.backends.encryptionKey), token);
    expect(open(credentials['accessToken'])).toBe(input.accessToken);
    expect(open(credentials['clientKey'])).toBe(input.clientKey);
    expect(open(credentials['clientSecret'])).toBe(input.clientSecret);
    expect(credentials['seal']).toMatch(/^[\w-]{43}$/);
    expect(await app.backends.redis.ttl(`platform:${id}`)).toBeGreaterThan(3500);
  });

  it('is null for an absent id, for half a minute, and gone when the id comes to exist', async () => {
    const [row] = await app.backends.rows<{ next: number }>(
      `SELECT last_value::integer + 1 AS next FROM platform_connections_id_seq`,
    );
    const next = row?.next ?? 0;
    expect((await ada.client.get(`/v1/platforms/${next}`)).status).toBe(404);
    expect(await entry(`platform:${next}`)).toBe('null');
    expect(await app.backends.redis.ttl(`platform:${next}`)).toBeLessThanOrEqual(30);
    expect(await create()).toMatchObject({ id: next });
    expect((await ada.client.get(`/v1/platforms/${next}`)).status).toBe(200);
  });

  it('is under platform_stats:<user>:<platform> the JSON object of the answer and whose it is, for five minutes', async () => {
    const { id } = await create();
    const answer = await ada.client.get(`/v1/platforms/${id}/stats`);
    const key = `platform_stats:${ada.id}:${id}`;
    expect(JSON.parse((await entry(key)) ?? '')).toEqual({ userId: ada.id, ...answer.json<object>() });
    const ttl = await app.backends.redis.ttl(key);
    expect([ttl > 290, ttl <= 300]).toEqual([true, true]);
  });

  it('has no lease left when nothing is being filled, and no key of another form', async () => {
    const { id } = await create();
    await statuses(`/v1/platforms/${id}`);
    await statuses('/v1/platforms');
    const keys = [];
    for await (const some of app.backends.redis.scanIterator()) keys.push(...some);
    const known =
      /^(user_platforms:\d+|platform:\d+|platform_stats:\d+:\d+|session:\d+|platform_manager:installation)$/;
    expect(keys.length).toBeGreaterThan(1);
    expect(keys.filter((key) => !known.test(key))).toEqual([]);
  });
});

describe('POST /v1/platforms/cache/refresh and DELETE /v1/platforms/cache', () => {
  it('load, and drop, the list and each connection of the caller', async () => {
    const counter = await StatementCounter.install(app.backends);
    const [first, second] = [await create(), await create()];
    await app.backends.settled();
    await counter.reset();
    const refreshed = await ada.client.post('/v1/platforms/cache/refresh');
    expect([refreshed.status, refreshed.json()]).toEqual([200, { platforms: 2 }]);
    // One to know what to drop, one to load: however many connections there are.
    expect(await counter.platformSelects()).toBe(2);
    expect(await statuses('/v1/platforms', 1)).toEqual([HIT]);
    expect(await statuses(`/v1/platforms/${second.id}`, 1)).toEqual([HIT]);

    const dropped = await ada.client.delete('/v1/platforms/cache');
    expect([dropped.status, dropped.text]).toEqual([204, '']);
    expect(await entry(`user_platforms:${ada.id}`)).toBeNull();
    expect(await entry(`platform:${first.id}`)).toBeNull();
    expect(await statuses('/v1/platforms')).toEqual([STORED, HIT]);
  });

  it("leave another user's entries alone", async () => {
    const bob = await register(app.client, app.backends.secrets);
    await bob.client.get('/v1/platforms');
    await ada.client.delete('/v1/platforms/cache');
    expect(await entry(`user_platforms:${bob.id}`)).toBe('[]');
  });
});

describe('every write', () => {
  it.each<[string, (platform: PlatformJson) => Promise<unknown>]>([
    ['a creation', () => create()],
    ['a change', ({ id }) => ada.client.patch(`/v1/platforms/${id}`, { name: 'changed' })],
    ['a deactivation', ({ id }) => ada.client.patch(`/v1/platforms/${id}`, { isActive: false })],
    ['a deletion', ({ id }) => ada.client.delete(`/v1/platforms/${id}`)],
    ['a switch of the default', ({ id }) => ada.client.put(`/v1/platforms/${id}/default`)],
  ])('%s shows in the next reads of list, default and single connections', async (_, write) => {
    const [first, second] = [await create(), await create()];
    const paths = [
      '/v1/platforms',
      '/v1/platforms/default',
      ...[first, second].map(({ id }) => `/v1/platforms/${id}`),
    ];
    for (const path of paths) await ada.client.get(path);
    await write(second);
    const all = (await ada.client.get('/v1/platforms?includeInactive=true')).json<PlatformJson[]>();
    const active = all.filter(({ isActive }) => isActive);
    expect((await ada.client.get('/v1/platforms')).json()).toEqual(active);
    expect((await ada.client.get('/v1/platforms/default')).json()).toEqual(active[0]);
    for (const { id } of [first, second]) {
      const found = all.find((platform) => platform.id === id);
      const answer = await ada.client.get(`/v1/platforms/${id}`);
      if (found === undefined) expect(answer.status).toBe(404);
      else expect(answer.json()).toEqual(found);
    }
  });
});
