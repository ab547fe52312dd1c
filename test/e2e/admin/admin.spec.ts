import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encodeCursor } from '../../../src/http/page-cursor.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { type Person, type PlatformJson, createPlatform, register, unique } from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';

interface Page {
  readonly items: PlatformJson[];
  readonly page: number;
  readonly pageSize: number;
  readonly total: number;
  readonly totalIsExact: boolean;
}

interface Figures {
  readonly store: string;
  readonly breaker: string;
  readonly behind: boolean;
  readonly entries: number | null;
  readonly processId: string;
  readonly durations: { upToSeconds: number | null; reads: number }[];
  readonly resources: {
    resource: string;
    requests: number;
    hitRatio: number;
    outcomes: Record<string, number>;
  }[];
}

describe('admin routes', () => {
  let app: TestApp;
  let admin: Person;
  let person: Person;

  beforeAll(async () => {
    app = await startTestApp();
    person = await register(app.client, app.backends.secrets);
    const future = await register(app.client, app.backends.secrets);
    await app.backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [future.id]);
    const session = await app.client.post('/v1/auth/login', {
      email: future.email,
      password: future.password,
    });
    admin = { ...future, client: app.client.as(session.json()) };
  });

  afterAll(() => app.close());

  const find = async (query: Record<string, string | number>): Promise<Page> => {
    const text = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    const answer = await admin.client.get(`/v1/admin/platforms?${new URLSearchParams(text).toString()}`);
    expect(answer.status).toBe(200);
    return answer.json<Page>();
  };
  const make = (own: object) => createPlatform(person, app.backends.secrets, own);

  it('are closed to people who are no admins, and to an admin’s API key', async () => {
    const made = await admin.client.post('/v1/api-keys', {
      name: 'all',
      scopes: ['platforms:read', 'platforms:write', 'credentials:read', 'activities:write'],
    });
    const program = app.client.as({ accessToken: made.json<{ key: string }>().key });
    for (const client of [person.client, program]) {
      for (const path of ['/v1/admin/platforms', '/v1/admin/cache']) {
        expectProblem(await client.get(path), 403, 'forbidden');
      }
      expectProblem(await client.delete(`/v1/admin/cache/users/${person.id}`), 403, 'forbidden');
    }
    expectProblem(await app.client.get('/v1/admin/platforms'), 401, 'unauthenticated');
  });

  it('finds %, _ and \\ as ordinary characters, in any case, in name, instance and username', async () => {
    const mark = unique();
    const percent = await make({ name: `${mark} 100% Bread` });
    const under = await make({ name: `${mark} snake_case` });
    const slash = await make({ name: `${mark} back\\slash` });
    await make({ name: `${mark} 100 breads, snakeXcase, backslash` });
    const host = await make({ instanceUrl: `https://${mark}.example` });
    const user = await make({ username: `Ada-${mark}` });

    const ids = async (search: string) => (await find({ search })).items.map(({ id }) => id);
    expect(await ids(`${mark} 100%`)).toEqual([percent.id]);
    expect(await ids('100% b')).toEqual([percent.id]);
    expect(await ids('snake_case')).toEqual([under.id]);
    expect(await ids('back\\slash')).toEqual([slash.id]);
    expect(await ids(`${mark}.EXAMPLE`)).toEqual([host.id]);
    expect(await ids(`ADA-${mark}`)).toEqual([user.id]);
    expect(await ids(`${mark}' OR '1'='1`)).toEqual([]);
  });

  it('filters by user, type and status together, shows inactive ones and no secret', async () => {
    const owner = await register(app.client, app.backends.secrets);
    const own = (body: object) => createPlatform(owner, app.backends.secrets, body);
    const pixelfed = await own({ platformType: 'pixelfed' });
    const mastodon = await own({ platformType: 'mastodon' });
    await owner.client.patch(`/v1/platforms/${mastodon.id}`, { isActive: false });

    const all = await find({ userId: owner.id });
    expect(all).toMatchObject({ total: 2, totalIsExact: true, page: 1, pageSize: 20 });
    expect(all.items.map(({ id, isActive }) => [id, isActive])).toEqual([
      [pixelfed.id, true],
      [mastodon.id, false],
    ]);
    expect(Object.keys(all.items[0] ?? {}).sort()).toEqual(Object.keys(pixelfed).sort());
    const both = { userId: owner.id, platformType: 'pixelfed' };
    expect((await find({ ...both, status: 'unchecked' })).total).toBe(1);
    expect((await find({ ...both, status: 'connected' })).total).toBe(0);
  });

  it('turns pages without a gap or a repetition', async () => {
    const owner = await register(app.client, app.backends.secrets);
    for (let n = 0; n < 7; n++) await createPlatform(owner, app.backends.secrets);
    const pages = [];
    for (let page = 1; page <= 4; page++) pages.push(await find({ userId: owner.id, page, pageSize: 3 }));
    expect(pages.map(({ items, total }) => [items.length, total])).toEqual([
      [3, 7],
      [3, 7],
      [1, 7],
      [0, 7],
    ]);
    expect(new Set(pages.flatMap(({ items }) => items.map(({ id }) => id))).size).toBe(7);
  });

  it.each(['id', '-id'])('follows the Link header to the end, sorted by %s', async (sort) => {
    const owner = await register(app.client, app.backends.secrets);
    for (let n = 0; n < 5; n++) await createPlatform(owner, app.backends.secrets);
    const found: number[] = [];
    let path: string | undefined = `/v1/admin/platforms?userId=${owner.id}&sort=${sort}&limit=2`;
    for (let page = 0; path !== undefined && page < 4; page++) {
      const answer: TestResponse = await admin.client.get(path);
      expect(answer.json<Page>()).toMatchObject({ page: 1, pageSize: 2, total: 5 });
      found.push(...answer.json<Page>().items.map(({ id }) => id));
      path = /^<(.+)>; rel="next"$/.exec(answer.header('link') ?? '')?.[1];
    }
    expect(path).toBeUndefined();
    const ascending = [...found].sort((a, b) => a - b);
    expect(found).toEqual(sort === 'id' ? ascending : ascending.reverse());
    expect(new Set(found).size).toBe(5);
  });

  it('finds nothing behind a cursor beyond all ids', async () => {
    const cursor = encodeCursor({ sort: 'id', keys: [Number.MAX_SAFE_INTEGER] });
    const answer = await admin.client.get(`/v1/admin/platforms?cursor=${cursor}`);
    expect([answer.status, answer.json<Page>().items]).toEqual([200, []]);
  });

  it.each([
    ['pageSize=101', '#pageSize'],
    ['pageSize=0', '#pageSize'],
    ['page=0', '#page'],
    ['page=101', '#page'],
    ['page=1e3', '#page'],
    ['page=1&page=2', '#page'],
    ['userId=2147483648', '#userId'],
    ['userId=x', '#userId'],
    ['platformType=myspace', '#platformType'],
    ['status=fine', '#status'],
    ['search=', '#search'],
    ['search=ab', '#search'],
    ['search=ab%25_ab', '#search'],
    ['search=%00', '#search'],
    ['sort=name', '#sort'],
    ['q=ab', '#q'],
    ['q=alpha&search=alpha', '#q'],
    ['limit=201', '#limit'],
    ['limit=5&pageSize=5', '#limit'],
    ['cursor=AAAA', '#cursor'],
    [`cursor=${encodeCursor({ sort: '-id', keys: [1] })}`, '#cursor'],
    [`cursor=${encodeCursor({ sort: 'id', keys: [1] })}&page=1`, '#cursor'],
    [`cursor=${encodeCursor({ sort: 'id', keys: [1.5] })}`, '#cursor'],
    [`cursor=${encodeCursor({ sort: 'id', keys: [1e300] })}`, '#cursor'],
  ])('refuses ?%s', async (query, pointer) => {
    const answer = await admin.client.get(`/v1/admin/platforms?${query}`);
    expectProblem(answer, 400, 'validation_failed', [pointer]);
  });

  it('shows figures of the cache, and no key', async () => {
    const reader = await register(app.client, app.backends.secrets);
    await createPlatform(reader, app.backends.secrets);
    await app.backends.settled();
    const before = await figures();
    for (let n = 0; n < 5; n++) await reader.client.get('/v1/platforms');
    const after = await figures();

    expect(after).toMatchObject({ store: 'redis', breaker: 'closed', behind: false });
    expect(after.entries).toBeGreaterThan(0);
    expect(after.processId).toBe(before.processId);
    expect(after.durations.at(-1)).toEqual({
      upToSeconds: null,
      reads: after.resources.reduce((sum, { requests }) => sum + requests, 0),
    });
    expect(after).toMatchObject({
      inconsistencies: 0,
      pool: { used: expect.any(Number), idle: expect.any(Number), waiting: 0 },
      outbox: { pending: expect.any(Number), lagSeconds: expect.any(Number) },
    });
    const of = (all: Figures) => all.resources.find(({ resource }) => resource === 'user_platforms');
    expect((of(after)?.requests ?? 0) - (of(before)?.requests ?? 0)).toBe(5);
    expect((of(after)?.outcomes['hit'] ?? 0) - (of(before)?.outcomes['hit'] ?? 0)).toBe(4);
    expect(of(after)?.hitRatio).toBeGreaterThan(0);
    expect(JSON.stringify(after)).not.toMatch(/user_platforms:|platform:\d/);
  });

  const figures = async (): Promise<Figures> => (await admin.client.get('/v1/admin/cache')).json<Figures>();

  it('drops everything cached of one user and nothing of another', async () => {
    const owner = await register(app.client, app.backends.secrets);
    const { id } = await createPlatform(owner, app.backends.secrets);
    const theirs = await createPlatform(person, app.backends.secrets);
    await app.backends.settled();
    for (const path of ['/v1/platforms', `/v1/platforms/${id}`, `/v1/platforms/${id}/stats`]) {
      await owner.client.get(path);
    }
    await person.client.get(`/v1/platforms/${theirs.id}`);
    const keys = [`user_platforms:${owner.id}`, `platform:${id}`, `platform_stats:${owner.id}:${id}`];
    const kept = () => app.backends.redis.exists(keys);
    expect(await kept()).toBe(3);

    expect((await admin.client.delete(`/v1/admin/cache/users/${owner.id}`)).status).toBe(204);
    expect(await kept()).toBe(0);
    expect(await app.backends.redis.exists(`platform:${theirs.id}`)).toBe(1);
    expect((await admin.client.delete('/v1/admin/cache/users/2147483647')).status).toBe(204);
    expectProblem(await admin.client.delete('/v1/admin/cache/users/0'), 400, 'validation_failed', ['#id']);
  });
});
