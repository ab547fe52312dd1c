import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import {
  type Person,
  type PlatformJson,
  createPlatform,
  platformInput,
  register,
} from '../../support/factories.js';
import type { HttpClient, TestResponse } from '../../support/http-client.js';
import { expectProblem, withoutOccurrence } from '../../support/problems.js';

interface CreatedKey {
  readonly id: number;
  readonly key: string;
  readonly policy: { readonly platformIds?: number[]; readonly addresses?: string[] } | null;
}

const SCOPES = ['platforms:read', 'platforms:write', 'credentials:read', 'activities:write'];
const PROXIED = { TRUST_PROXY: '127.0.0.1' };

let backends: Backends;
let app: TestApp;
let person: Person;
let open: PlatformJson;
let closed: PlatformJson;

beforeAll(async () => {
  backends = await Backends.create();
  app = await startTestApp({ backends, env: PROXIED });
  person = await register(app.client, backends.secrets);
  closed = await createPlatform(person, backends.secrets, { name: 'A closed one' });
  open = await createPlatform(person, backends.secrets, { name: 'The open one' });
});

afterAll(async () => {
  await app.expectCleanRecord();
  await app.close();
  await backends.remove();
});

const create = (policy: unknown): Promise<TestResponse> =>
  person.client.post('/v1/api-keys', { name: 'limited', scopes: SCOPES, policy });

async function make(policy: unknown): Promise<CreatedKey> {
  const answer = await create(policy);
  expect(answer.status).toBe(201);
  return answer.json<CreatedKey>();
}

const using = ({ key }: CreatedKey): HttpClient => app.client.as({ accessToken: key });
const from = (address: string) => ({ 'X-Forwarded-For': address });

describe('the policy of an API key', () => {
  it('is shown when the key is made and in the list, with canonical addresses', async () => {
    const { id, policy } = await make({
      platformIds: [open.id, closed.id],
      addresses: ['203.0.113.9/24', '2001:DB8::0:7', '::ffff:198.51.100.7', '198.51.100.7/32'],
    });
    expect(policy).toEqual({
      platformIds: [open.id, closed.id],
      addresses: ['203.0.113.0/24', '2001:db8::7', '198.51.100.7'],
    });
    const listed = (await person.client.get('/v1/api-keys')).json<CreatedKey[]>();
    expect(listed.find((one) => one.id === id)?.policy).toEqual(policy);
    for (const none of [undefined, null, {}]) expect((await make(none)).policy).toBeNull();
    expect((await make({ platformIds: [open.id] })).policy).toEqual({ platformIds: [open.id] });
  });

  it.each<[string, unknown, string]>([
    ['no object', 'all', '/policy'],
    ['an array', [{ platformIds: [1] }], '/policy'],
    ['an unknown field', { verbs: ['GET'] }, '/policy/verbs'],
    ['no list of ids', { platformIds: 1 }, '/policy/platformIds'],
    ['null for ids', { platformIds: null }, '/policy/platformIds'],
    ['no ids', { platformIds: [] }, '/policy/platformIds'],
    ['an id twice', { platformIds: [1, 1] }, '/policy/platformIds'],
    ['no id', { platformIds: ['1'] }, '/policy/platformIds'],
    ['an id that no connection can have', { platformIds: [2 ** 31] }, '/policy/platformIds'],
    ['too many ids', { platformIds: Array.from({ length: 201 }, (_, id) => id + 1) }, '/policy/platformIds'],
    ['no addresses', { addresses: [] }, '/policy/addresses'],
    ['null for addresses', { addresses: null }, '/policy/addresses'],
    ['a name', { addresses: ['localhost'] }, '/policy/addresses'],
    ['a prefix that is too long', { addresses: ['203.0.113.0/33'] }, '/policy/addresses'],
    ['no text', { addresses: [7] }, '/policy/addresses'],
    ['too many addresses', { addresses: Array<string>(51).fill('203.0.113.7') }, '/policy/addresses'],
  ])('refuses %s', async (_what, policy, pointer) => {
    expectProblem(await create(policy), 400, 'validation_failed', [pointer]);
  });

  it("takes the owner's connections only, and says the same of another's and of an absent one", async () => {
    const stranger = await register(app.client, backends.secrets);
    const theirs = await createPlatform(stranger, backends.secrets);
    const answers = [
      await create({ platformIds: [open.id, theirs.id] }),
      await create({ platformIds: [open.id, 2_147_483_647] }),
    ];
    for (const answer of answers) expectProblem(answer, 400, 'validation_failed', ['/policy/platformIds']);
    expect(new Set(answers.map(withoutOccurrence)).size).toBe(1);
  });
});

describe('a key that is limited to connections', () => {
  let limited: HttpClient;
  beforeAll(async () => {
    limited = using(await make({ platformIds: [open.id] }));
  });

  it('is refused for every other connection in the same words, whether it exists or not', async () => {
    const stranger = await register(app.client, backends.secrets);
    const theirs = await createPlatform(stranger, backends.secrets);
    const answers = await Promise.all(
      [closed.id, theirs.id, 2_147_483_647].map((id) => limited.get(`/v1/platforms/${id}`)),
    );
    for (const answer of answers) expectProblem(answer, 403, 'policy_refused');
    expect(new Set(answers.map(withoutOccurrence)).size).toBe(1);
    expect((await limited.get(`/v1/platforms/${open.id}`)).json<PlatformJson>().id).toBe(open.id);
  });

  it('sees in lists only its own, with an entity tag of their own, and the cached list stays whole', async () => {
    const ids = (answer: TestResponse) => answer.json<PlatformJson[]>().map(({ id }) => id);
    await person.client.get('/v1/platforms?refresh=true');
    const cached = await backends.cached(`user_platforms:${person.id}`);
    const whole = await person.client.get('/v1/platforms');
    const part = await limited.get('/v1/platforms');

    expect(ids(whole)).toEqual([closed.id, open.id]);
    expect(part.json()).toEqual(whole.json<PlatformJson[]>().slice(1));
    expect(part.cacheStatus).toBe('platform-manager; hit');
    expect(part.header('etag')).not.toBe(whole.header('etag'));
    expect((await limited.get('/v1/platforms')).header('etag')).toBe(part.header('etag'));
    const unchanged = await limited.get('/v1/platforms', { 'If-None-Match': part.header('etag') ?? '' });
    expect([unchanged.status, unchanged.text]).toEqual([304, '']);
    const stale = await limited.get('/v1/platforms', { 'If-None-Match': whole.header('etag') ?? '' });
    expect(stale.status).toBe(200);
    expect(await backends.cached(`user_platforms:${person.id}`)).toBe(cached);

    for (const query of ['?includeInactive=true', '?refresh=true']) {
      expect(ids(await limited.get(`/v1/platforms${query}`))).toEqual([open.id]);
    }
    expect(ids(await person.client.get('/v1/platforms'))).toEqual([closed.id, open.id]);
    expect((await person.client.get('/v1/platforms')).header('etag')).toBe(whole.header('etag'));
  });

  it('takes the first of its own for the default, and 404 where it has none', async () => {
    expect((await person.client.get('/v1/platforms/default')).json<PlatformJson>().id).toBe(closed.id);
    expect((await limited.get('/v1/platforms/default')).json<PlatformJson>().id).toBe(open.id);
    const stats = await limited.get('/v1/platforms/default/stats');
    expect(stats.json<{ platformId: number }>().platformId).toBe(open.id);
    expect((await limited.post('/v1/platforms/cache/refresh')).json()).toEqual({ platforms: 1 });
    expect((await person.client.post('/v1/platforms/cache/refresh')).json()).toEqual({ platforms: 2 });
  });

  it('makes no other connection', async () => {
    expectProblem(
      await limited.post('/v1/platforms', platformInput(backends.secrets)),
      403,
      'policy_refused',
    );
    const begun = await limited.post('/v1/connect', { instance: 'mastodon.example' });
    expectProblem(begun, 403, 'policy_refused');
  });

  it('is good for nothing once its connection is deleted, and its policy keeps the id', async () => {
    const gone = await createPlatform(person, backends.secrets);
    const key = await make({ platformIds: [gone.id] });
    expect((await using(key).delete(`/v1/platforms/${gone.id}`)).status).toBe(204);
    expectProblem(await using(key).get(`/v1/platforms/${gone.id}`), 404, 'platform_not_found');
    expect((await using(key).get('/v1/platforms')).json()).toEqual([]);
    expectProblem(await using(key).get('/v1/platforms/default'), 404, 'no_platforms');
    expectProblem(await using(key).get('/v1/platforms/default/stats'), 404, 'no_platforms');
    expectProblem(await using(key).get(`/v1/platforms/${open.id}`), 403, 'policy_refused');
    const listed = (await person.client.get('/v1/api-keys')).json<CreatedKey[]>();
    expect(listed.find(({ id }) => id === key.id)?.policy).toEqual({ platformIds: [gone.id] });
  });
});

describe('a key that is limited to addresses', () => {
  it.each([
    ['203.0.113.9', 200],
    ['::ffff:203.0.113.9', 200],
    ['::ffff:cb00:7109', 200],
    ['2001:db8:7:1::5', 200],
    ['203.0.114.9', 403],
    ['2001:db8:8::5', 403],
    ['203.0.113.9, 203.0.114.9', 403],
  ])('answers requests from %s with %d, on the fast lane and beside it', async (address, status) => {
    const key = await make({ addresses: ['203.0.113.0/24', '2001:db8:7::/48'] });
    for (const path of [`/v1/platforms/${open.id}`, '/v1/platforms', `/v1/platforms/${open.id}/stats`]) {
      const answer = await using(key).get(path, from(address));
      expect({ path, status: answer.status }).toEqual({ path, status });
      if (status === 403) expectProblem(answer, 403, 'policy_refused');
    }
  });

  it('believes nothing of X-Forwarded-For without TRUST_PROXY', async () => {
    const direct = await startTestApp({ backends });
    const [proxied, local] = [
      await make({ addresses: ['203.0.113.9'] }),
      await make({ addresses: ['127.0.0.0/8'] }),
    ];
    const status = async ({ key }: CreatedKey) =>
      (await direct.client.as({ accessToken: key }).get('/v1/platforms', from('203.0.113.9'))).status;
    expect([await status(proxied), await status(local)]).toEqual([403, 200]);
    await direct.app.close();
  });

  it('is refused from elsewhere even for what its scopes do not allow', async () => {
    const key = await make({ addresses: ['203.0.113.9'] });
    expectProblem(await using(key).get('/v1/me', from('203.0.113.9')), 403, 'forbidden');
    expectProblem(await using(key).get('/v1/me', from('203.0.113.8')), 403, 'policy_refused');
  });
});

describe('the cached entry of a limited key', () => {
  it('holds the policy: a hot read asks the database nothing and is still refused', async () => {
    const key = await make({ platformIds: [open.id], addresses: ['203.0.113.9'] });
    const status = async (id: number, address: string) =>
      (await using(key).get(`/v1/platforms/${id}`, from(address))).status;
    await person.client.get(`/v1/platforms/${open.id}`);
    expect(await status(open.id, '203.0.113.9')).toBe(200);
    await backends.rows('ALTER TABLE api_keys RENAME TO api_keys_hidden');
    try {
      expect(await status(open.id, '203.0.113.9')).toBe(200);
      expect(await status(closed.id, '203.0.113.9')).toBe(403);
      expect(await status(open.id, '203.0.113.8')).toBe(403);
    } finally {
      await backends.rows('ALTER TABLE api_keys_hidden RENAME TO api_keys');
    }
  });

  it.each([
    ['platform_ids', `UPDATE api_keys SET platform_ids = '{}' WHERE id = $1`],
    ['addresses', `UPDATE api_keys SET addresses = '{198.51.100.7/32}' WHERE id = $1`],
  ])('goes when %s is changed by SQL', async (_column, sql) => {
    const key = await make(null);
    expect((await using(key).get(`/v1/platforms/${open.id}`)).status).toBe(200);
    await backends.rows(sql, [key.id]);
    await backends.settled();
    expectProblem(await using(key).get(`/v1/platforms/${open.id}`), 403, 'policy_refused');
  });
});
