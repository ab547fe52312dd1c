import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeCursor } from '../../../src/http/page-cursor.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import {
  createPlatform,
  type Person,
  type PlatformInput,
  platformInput,
  type PlatformJson,
  register,
} from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectProblem, withoutOccurrence } from '../../support/problems.js';

let app: TestApp;
let ada: Person;

beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(async () => {
  ada = await register(app.client, app.backends.secrets);
});
afterAll(() => app.close());

const input = (own: Partial<PlatformInput> = {}): PlatformInput => platformInput(app.backends.secrets, own);
const create = (own: Partial<PlatformInput> = {}): Promise<PlatformJson> =>
  createPlatform(ada, app.backends.secrets, own);
const list = async (query = ''): Promise<PlatformJson[]> =>
  (await ada.client.get(`/v1/platforms${query}`)).json<PlatformJson[]>();

describe('POST /v1/platforms', () => {
  it('answers 201 with Location, ETag and the view, which has no credential and no ciphertext', async () => {
    const body = input({
      name: 'My Mastodon',
      username: 'ada',
      instanceUrl: 'HTTPS://Mastodon.Example:443/',
    });
    const answer = await ada.client.post('/v1/platforms', body);
    expect(answer.status).toBe(201);
    const { id } = answer.json<PlatformJson>();
    expect(answer.header('location')).toBe(`/v1/platforms/${id}`);
    expect(answer.header('etag')).toBe('"1"');
    expect(answer.json()).toEqual({
      id: expect.any(Number),
      userId: ada.id,
      name: 'My Mastodon',
      platformType: 'mastodon',
      software: null,
      softwareVersion: null,
      instanceUrl: 'https://mastodon.example',
      username: 'ada',
      isActive: true,
      isDefault: true,
      status: 'unchecked',
      lastCheckedAt: null,
      lastError: null,
      tokenExpiresAt: null,
      hasClientCredentials: true,
      hasAvatar: false,
      labels: {},
      externalId: null,
      lastUsed: null,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updatedAt: expect.stringMatching(/Z$/),
      version: 1,
    });
    expect(answer.text).not.toMatch(/gAAAA|seal|keyId/);
  });

  it('makes the first connection the default, a later one only when asked', async () => {
    const [first, second, third] = [await create(), await create(), await create({ isDefault: true })];
    expect([first.isDefault, second.isDefault, third.isDefault]).toEqual([true, false, true]);
    expect((await list()).filter(({ isDefault }) => isDefault).map(({ id }) => id)).toEqual([third.id]);
  });

  it('takes every platform type, and optional fields left out or null', async () => {
    for (const platformType of [
      'mastodon',
      'pixelfed',
      'pleroma',
      'akkoma',
      'gotosocial',
      'friendica',
      'mastodon_api',
    ]) {
      const bare = { username: null, clientKey: null, clientSecret: null };
      const platform = await create({ platformType, ...bare });
      expect(platform).toMatchObject({ platformType, username: null, hasClientCredentials: false });
    }
  });

  it('answers 409 to a name, and to an account, that the user has already; another user may have both', async () => {
    const { name, instanceUrl, username } = await create({ username: 'ada' });
    expectProblem(await ada.client.post('/v1/platforms', input({ name })), 409, 'duplicate_name');
    const account = input({ instanceUrl: 'mastodon.EXAMPLE', username });
    expectProblem(await ada.client.post('/v1/platforms', account), 409, 'duplicate_account');
    const bob = await register(app.client, app.backends.secrets);
    await createPlatform(bob, app.backends.secrets, { name, instanceUrl, username });
  });

  it('leaves nothing behind after a refused creation, and the default where it was', async () => {
    const first = await create();
    await ada.client.post('/v1/platforms', input({ name: first.name, isDefault: true }));
    expect(await list()).toEqual([first]);
  });
});

describe('GET /v1/platforms', () => {
  it('lists active ones only, the default first, then by name', async () => {
    const [b, c, a] = [await create({ name: 'b' }), await create({ name: 'c' }), await create({ name: 'A' })];
    await ada.client.put(`/v1/platforms/${c.id}/default`);
    await ada.client.patch(`/v1/platforms/${b.id}`, { isActive: false });
    expect((await list()).map(({ name }) => name)).toEqual(['c', 'A']);
    expect((await list('?includeInactive=true')).map(({ id }) => id)).toEqual([c.id, a.id, b.id]);
  });

  it('answers [] to a user without connections', async () => {
    const answer = await ada.client.get('/v1/platforms');
    expect([answer.status, answer.text]).toEqual([200, '[]']);
  });

  it('shows nobody the connections of another user', async () => {
    await create();
    const bob = await register(app.client, app.backends.secrets);
    expect((await bob.client.get('/v1/platforms')).text).toBe('[]');
    expect((await bob.client.get('/v1/platforms?includeInactive=true')).text).toBe('[]');
  });
});

describe('the ETag of GET /v1/platforms', () => {
  const ask = (held?: string, query = '') =>
    ada.client.get(`/v1/platforms${query}`, held === undefined ? {} : { 'If-None-Match': held });
  const tag = async (query = ''): Promise<string> => (await ask(undefined, query)).header('etag') ?? '';

  it('gives 304 without a body to who has the list, whether it is cached or not', async () => {
    await create();
    const [loaded, cached] = [await ask(), await ask()];
    expect(loaded.header('etag')).toMatch(/^"[\w-]{43}"$/);
    expect(cached.header('etag')).toBe(loaded.header('etag'));
    const etag = cached.header('etag') ?? '';
    for (const held of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const known = await ask(held);
      expect([held, known.status, known.text, known.header('etag')]).toEqual([held, 304, '', etag]);
      expect(known.header('cache-control')).toBe('private, no-cache');
    }
    expect((await ask(etag, '?refresh=true')).status).toBe(304);
    expect((await ask('"other"')).status).toBe(200);
  });

  it('is another one after every change, also when versions come and go', async () => {
    const seen = [await tag()];
    const [first, second] = [await create({ name: 'a' }), await create({ name: 'b' })];
    seen.push(await tag());
    await ada.client.patch(`/v1/platforms/${second.id}`, { name: 'c' });
    seen.push(await tag());
    await ada.client.put(`/v1/platforms/${second.id}/default`);
    seen.push(await tag());
    await ada.client.delete(`/v1/platforms/${second.id}`);
    seen.push(await tag());
    await ada.client.patch(`/v1/platforms/${first.id}`, { isActive: false });
    expect(new Set(seen).size).toBe(seen.length);
    // As empty as in the beginning.
    expect(await tag()).toBe(seen[0]);
    expect(await tag('?includeInactive=true')).not.toBe(seen[0]);
  });
});

describe('GET /v1/platforms/default', () => {
  it('gives no 304 for another connection that has come to the same version', async () => {
    const [first, second] = [await create({ name: 'a' }), await create({ name: 'b' })];
    await ada.client.patch(`/v1/platforms/${first.id}`, { name: 'c' });
    const before = await ada.client.get('/v1/platforms/default');
    await ada.client.put(`/v1/platforms/${second.id}/default`);
    const etag = before.header('etag') ?? '';
    const after = await ada.client.get('/v1/platforms/default', { 'If-None-Match': etag });
    expect([before, after].map((answer) => answer.json<PlatformJson>().version)).toEqual([2, 2]);
    expect(after.status).toBe(200);
  });

  it('answers with the default and its ETag, and 304 to who has that version', async () => {
    const { id } = await create();
    const answer = await ada.client.get('/v1/platforms/default');
    expect(answer.json<PlatformJson>().id).toBe(id);
    const etag = answer.header('etag') ?? '';
    const known = await ada.client.get('/v1/platforms/default', { 'If-None-Match': etag });
    expect([known.status, known.text]).toEqual([304, '']);
  });

  it('falls back to the first of the list when no connection is the default', async () => {
    const [, first] = [await create({ name: 'b' }), await create({ name: 'a' })];
    await app.backends.sql.query('UPDATE platform_connections SET is_default = false WHERE user_id = $1', [
      ada.id,
    ]);
    await ada.client.delete('/v1/platforms/cache');
    expect((await ada.client.get('/v1/platforms/default')).json<PlatformJson>().id).toBe(first.id);
  });

  it('answers 404 to a user without connections', async () => {
    expectProblem(await ada.client.get('/v1/platforms/default'), 404, 'no_platforms');
  });
});

describe('GET /v1/platforms/:id', () => {
  it('answers with the ETag of the version, and 304 to who has it', async () => {
    const { id } = await create();
    const answer = await ada.client.get(`/v1/platforms/${id}`);
    expect([answer.status, answer.header('etag')]).toEqual([200, '"1"']);
    for (const held of ['"1"', 'W/"1"', '"0", "1"', '*']) {
      const known = await ada.client.get(`/v1/platforms/${id}`, { 'If-None-Match': held });
      expect([held, known.status, known.text, known.header('etag')]).toEqual([held, 304, '', '"1"']);
    }
    expect((await ada.client.get(`/v1/platforms/${id}`, { 'If-None-Match': '"2"' })).status).toBe(200);
  });
});

describe("another user's connection and an absent one", () => {
  it.each<[string, string, unknown]>([
    ['GET', '', undefined],
    ['PATCH', '', { name: 'mine now' }],
    ['DELETE', '', undefined],
    ['PUT', '/default', undefined],
    ['GET', '/stats', undefined],
    [
      'POST',
      '/activities',
      [{ kind: 'post', externalId: '1', status: 'x', occurredAt: '2026-01-01T00:00:00Z' }],
    ],
  ])('get the same 404 from %s /v1/platforms/:id%s, byte for byte', async (method, suffix, body) => {
    const bob = await register(app.client, app.backends.secrets);
    const { id } = await createPlatform(bob, app.backends.secrets);
    await bob.client.get(`/v1/platforms/${id}`); // cached now: that must not show either
    const send = (target: number) => ada.client.request(method, `/v1/platforms/${target}${suffix}`, { body });
    const foreign = await send(id);
    const absent = await send(2_000_000_000);
    expectProblem(foreign, 404, 'platform_not_found');
    expect(withoutOccurrence(foreign)).toBe(withoutOccurrence(absent));
    const headers = (answer: typeof foreign) =>
      [...answer.headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
    expect(headers(foreign).map(([name]) => name)).toEqual(headers(absent).map(([name]) => name));
    expect((await bob.client.get(`/v1/platforms/${id}`)).status).toBe(200);
  });
});

describe('GET /v1/platforms with a filter', () => {
  const get = (query: string) => ada.client.get(`/v1/platforms?${query}`);

  it('is served from the cached list, in pages that the Link header joins', async () => {
    for (const name of ['Delta', 'alpha', 'Charlie', 'bravo', 'echo']) await create({ name });
    await app.backends.settled();
    const whole = await list();
    const names: string[] = [];
    let path: string | undefined = '/v1/platforms?limit=2&sort=-name&q=a';
    for (let page = 0; path !== undefined && page < 4; page++) {
      const answer: TestResponse = await ada.client.get(path);
      expect(answer.header('cache-status')).toBe('platform-manager; hit');
      names.push(...answer.json<PlatformJson[]>().map(({ name }) => name));
      path = /^<(.+)>; rel="next"$/.exec(answer.header('link') ?? '')?.[1];
    }
    expect(names.filter((name) => /a/i.test(name))).toEqual(['Delta', 'Charlie', 'bravo', 'alpha']);
    // Whole views, as the list has them.
    expect((await get('sort=name&limit=200')).json()).toEqual(
      [...whole].sort((a, b) => a.name.localeCompare(b.name)),
    );
    const plain = await ada.client.get('/v1/platforms');
    expect([plain.json(), plain.header('link')]).toEqual([whole, null]);
  });

  it('filters by status and type, also with the inactive ones, and answers 304 to its own ETag', async () => {
    await create({ platformType: 'pixelfed' });
    const { id } = await create({ platformType: 'mastodon' });
    await ada.client.patch(`/v1/platforms/${id}`, { isActive: false });
    const ids = async (query: string) => (await list(`?${query}`)).map((platform) => platform.id);
    expect(await ids('platformType=mastodon')).toEqual([]);
    expect(await ids('platformType=mastodon&includeInactive=true')).toEqual([id]);
    expect(await ids('status=connected&includeInactive=true')).toEqual([]);
    expect((await ids('status=unchecked&includeInactive=true')).length).toBe(2);
    const answer = await get('status=unchecked');
    const again = await ada.client.get('/v1/platforms?status=unchecked', {
      'If-None-Match': answer.header('etag')!,
    });
    expect(again.status).toBe(304);
    const page = await get('includeInactive=true&limit=1');
    expect(page.header('link')).toContain('includeInactive=true');
  });

  it.each([
    ['status=fine', '#status'],
    ['status=connected&status=unchecked', '#status'],
    ['platformType=myspace', '#platformType'],
    ['q=', '#q'],
    ['q=%00', '#q'],
    [`q=${'x'.repeat(101)}`, '#q'],
    ['sort=colour', '#sort'],
    ['limit=0', '#limit'],
    ['limit=201', '#limit'],
    ['limit=1e1', '#limit'],
    ['cursor=AAAA', '#cursor'],
    [`cursor=${'A'.repeat(2000)}`, '#cursor'],
    [`sort=name&cursor=${encodeCursor({ sort: '', keys: [1, 'a', 1] })}`, '#cursor'],
  ])('refuses ?%s', async (query, pointer) => {
    expectProblem(await get(query), 400, 'validation_failed', [pointer]);
  });
});
