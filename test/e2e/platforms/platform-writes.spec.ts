import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FernetKey, fernetDecrypt } from '../../../src/crypto/fernet.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { createPlatform, type Person, type PlatformJson, register } from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';

let app: TestApp;
let ada: Person;

beforeAll(async () => {
  app = await startTestApp({ env: { INSTANCE_HOST_ALLOWLIST: 'localhost:4000' } });
});
beforeEach(async () => {
  ada = await register(app.client, app.backends.secrets);
});
afterAll(() => app.close());

const create = (own = {}): Promise<PlatformJson> => createPlatform(ada, app.backends.secrets, own);
const patch = (id: number, body: unknown, headers = {}) =>
  ada.client.patch(`/v1/platforms/${id}`, body, headers);
const defaults = async (): Promise<number[]> =>
  (
    await app.backends.rows<{ id: number }>(
      'SELECT id FROM platform_connections WHERE user_id = $1 AND is_default',
      [ada.id],
    )
  ).map(({ id }) => id);

describe('POST /v1/platforms', () => {
  it('keeps 200 of a user, inactive ones among them, and says so to the next one', async () => {
    await app.backends.rows(
      `INSERT INTO platform_connections (user_id, name, platform_type, instance_url, access_token, key_id, is_active)
       SELECT $1, n::text, 'mastodon', 'https://mastodon.example', 'none', 'none', n % 2 = 0 FROM generate_series(1, 199) n`,
      [ada.id],
    );
    const { id, name } = await create();
    const body = {
      name: 'x',
      platformType: 'mastodon',
      instanceUrl: 'https://mastodon.example',
      accessToken: 'token-of-nobody',
    };
    const post = () => ada.client.post('/v1/platforms', body);
    expectProblem(await post(), 409, 'too_many_platforms');
    expect((await patch(id, { name: `${name}-2` })).status).toBe(200);
    await ada.client.delete(`/v1/platforms/${id}`);
    expect((await post()).status).toBe(201);
  });
});

describe('PATCH /v1/platforms/:id', () => {
  it('changes what is given, leaves the rest, and makes a new version and ETag', async () => {
    const before = await create({ name: 'before', username: 'ada' });
    const answer = await patch(before.id, { name: 'after' });
    expect([answer.status, answer.header('etag')]).toEqual([200, '"2"']);
    const after = { ...before, name: 'after', version: 2, updatedAt: expect.any(String) };
    expect(answer.json()).toEqual(after);
    expect((await ada.client.get(`/v1/platforms/${before.id}`)).json()).toEqual(after);
  });

  it('clears an optional field with null', async () => {
    const { id } = await create({ username: 'ada' });
    const cleared = { username: null, clientKey: null };
    expect((await patch(id, cleared)).json()).toMatchObject({ username: null, hasClientCredentials: false });
  });

  it('encrypts a new credential and keeps the others', async () => {
    const { id } = await create();
    const accessToken = app.backends.secrets.make('access-token');
    const select = 'SELECT access_token, client_key FROM platform_connections WHERE id = $1';
    type Row = { access_token: string; client_key: string };
    const [before] = await app.backends.rows<Row>(select, [id]);
    expect((await patch(id, { accessToken })).json()).toMatchObject({ hasClientCredentials: true });
    const [after] = await app.backends.rows<Row>(select, [id]);
    const open = (token = '') => fernetDecrypt(FernetKey.parse(app.backends.encryptionKey), token);
    expect(open(after?.access_token)).toBe(accessToken);
    expect(open(after?.client_key)).toBe(open(before?.client_key));
  });

  it('honours If-Match: 412 and no change for another version', async () => {
    const { id } = await create();
    const change = { name: `${app.backends.secrets.size} changed` };
    for (const stale of ['"7"', '"0", "9"', 'W/"1"', '1']) {
      expectProblem(await patch(id, change, { 'If-Match': stale }), 412, 'version_mismatch');
    }
    expect((await patch(id, change, { 'If-Match': '"0", "1"' })).status).toBe(200);
    expectProblem(await patch(id, change, { 'If-Match': '"1"' }), 412, 'version_mismatch');
    expect((await patch(id, change, { 'If-Match': '*' })).status).toBe(200);
  });

  it('honours If-Match also against what is stored meanwhile, as the finding of a test is', async () => {
    const { id } = await create();
    const finding = await app.backends.sql.connect();
    try {
      await finding.query('BEGIN');
      await finding.query(`UPDATE platform_connections SET status = 'connected' WHERE id = $1`, [id]);
      const patched = patch(id, { name: `${app.backends.secrets.size} too late` }, { 'If-Match': '"1"' });
      const isWaiting = async () =>
        (
          await app.backends.rows(
            `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
               AND query ILIKE '%platform%connection%'`,
          )
        ).length > 0;
      await waitUntil(isWaiting, { timeoutMs: 4000, what: 'the change to wait for the row' });
      await finding.query('COMMIT');
      expectProblem(await patched, 412, 'version_mismatch');
    } finally {
      await finding.query('ROLLBACK');
      finding.release();
    }
  });

  it('answers 409 to a name and an account that another one of the user has', async () => {
    const [first, second] = [await create({ username: 'ada' }), await create()];
    expectProblem(await patch(second.id, { name: first.name }), 409, 'duplicate_name');
    const account = { instanceUrl: first.instanceUrl, username: 'ada' };
    expectProblem(await patch(second.id, account), 409, 'duplicate_account');
  });

  it('promotes the first of the remaining list when the default is deactivated', async () => {
    const [, b, a] = [await create({ name: 'z' }), await create({ name: 'b' }), await create({ name: 'A' })];
    const [{ id }] = [await create({ name: 'y', isDefault: true })];
    expect((await patch(id, { isActive: false })).json()).toMatchObject({
      isActive: false,
      isDefault: false,
    });
    expect(await defaults()).toEqual([a.id]);
    await patch(a.id, { isActive: false });
    expect(await defaults()).toEqual([b.id]);
    expect((await ada.client.get('/v1/platforms/default')).json<PlatformJson>().id).toBe(b.id);
  });

  it('makes the only active connection the default when it is activated again', async () => {
    const { id } = await create();
    await patch(id, { isActive: false });
    expect(await defaults()).toEqual([]);
    expectProblem(await ada.client.get('/v1/platforms/default'), 404, 'no_platforms');
    expect((await patch(id, { isActive: true })).json()).toMatchObject({ isDefault: true });
  });

  it('refuses with 409 to leave the user without a default, and to make an inactive one the default', async () => {
    const { id } = await create();
    expectProblem(await patch(id, { isDefault: false }), 409, 'default_required');
    await patch(id, { isActive: false });
    expectProblem(await patch(id, { isDefault: true }), 409, 'platform_inactive');
  });

  it('changes nothing and answers 200 to an empty change', async () => {
    const before = await create();
    expect((await patch(before.id, {})).json()).toEqual(before);
  });
});

describe('PATCH of instanceUrl', () => {
  const ELSEWHERE = 'https://elsewhere.example';
  const stored = async (id: number) => {
    const [row] = await app.backends.rows<Record<string, string | null>>(
      'SELECT access_token, client_key, client_secret, refresh_token, token_expires_at FROM platform_connections WHERE id = $1',
      [id],
    );
    return row;
  };
  async function withRefreshToken(): Promise<PlatformJson> {
    const platform = await create();
    await app.backends.rows(
      `UPDATE platform_connections SET refresh_token = 'ciphertext', token_expires_at = now() + interval '1 day' WHERE id = $1`,
      [platform.id],
    );
    return platform;
  }

  it('sends no stored credential to another host: it needs the access token, and changes nothing without', async () => {
    const { id } = await withRefreshToken();
    const before = await stored(id);
    for (const more of [{}, { clientKey: 'key', clientSecret: 'secret' }, { name: 'moved' }]) {
      const answer = await patch(id, { instanceUrl: ELSEWHERE, ...more });
      expectProblem(answer, 400, 'validation_failed', ['/accessToken']);
    }
    expect(await stored(id)).toEqual(before);
    expect((await ada.client.get(`/v1/platforms/${id}`)).json()).toMatchObject({
      instanceUrl: 'https://mastodon.example',
    });
  });

  it('with a new access token keeps no other credential of the old host', async () => {
    const { id } = await withRefreshToken();
    const accessToken = app.backends.secrets.make('access-token');
    const answer = await patch(id, { instanceUrl: ELSEWHERE, accessToken });
    expect(answer.json()).toMatchObject({
      instanceUrl: ELSEWHERE,
      status: 'unchecked',
      hasClientCredentials: false,
      tokenExpiresAt: null,
    });
    expect(await stored(id)).toMatchObject({ client_key: null, client_secret: null, refresh_token: null });
  });

  it('takes client credentials that come with the new access token', async () => {
    const { id } = await create();
    const { secrets } = app.backends;
    const fresh = {
      accessToken: secrets.make('a'),
      clientKey: secrets.make('k'),
      clientSecret: secrets.make('s'),
    };
    const answer = await patch(id, { instanceUrl: ELSEWHERE, ...fresh });
    expect(answer.json()).toMatchObject({ hasClientCredentials: true });
  });

  it('that only spells the same host otherwise keeps them', async () => {
    const { id } = await withRefreshToken();
    const before = await stored(id);
    expect((await patch(id, { instanceUrl: 'HTTPS://MASTODON.example:443/' })).status).toBe(200);
    expect(await stored(id)).toEqual(before);
  });
});

describe('DELETE /v1/platforms/:id', () => {
  it('answers 204, then 404, and promotes the first of the remaining list', async () => {
    const [gone, , first] = [await create(), await create({ name: 'b' }), await create({ name: 'a' })];
    const answer = await ada.client.delete(`/v1/platforms/${gone.id}`);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expectProblem(await ada.client.delete(`/v1/platforms/${gone.id}`), 404, 'platform_not_found');
    expectProblem(await ada.client.get(`/v1/platforms/${gone.id}`), 404, 'platform_not_found');
    expect(await defaults()).toEqual([first.id]);
    expect((await ada.client.get('/v1/platforms')).json<PlatformJson[]>()).toHaveLength(2);
  });
});

describe('PUT /v1/platforms/:id/default', () => {
  it('switches the default and answers with the new one; again is the same', async () => {
    const [, second] = [await create(), await create()];
    for (const version of [2, 2]) {
      const answer = await ada.client.put(`/v1/platforms/${second.id}/default`);
      expect([answer.status, answer.header('etag')]).toEqual([200, `"${version}"`]);
      expect(answer.json()).toMatchObject({ id: second.id, isDefault: true });
      expect(await defaults()).toEqual([second.id]);
    }
  });

  it('answers 409 when the connection is inactive', async () => {
    const [first, second] = [await create(), await create()];
    await patch(second.id, { isActive: false });
    expectProblem(await ada.client.put(`/v1/platforms/${second.id}/default`), 409, 'platform_inactive');
    expect(await defaults()).toEqual([first.id]);
  });
});

describe('instanceUrl', () => {
  it.each([
    ['Mastodon.Example', 'https://mastodon.example'],
    ['https://mastodon.example:8443/', 'https://mastodon.example:8443'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['http://localhost:4000', 'http://localhost:4000'],
  ])('%s is stored as %s', async (given, stored) => {
    expect((await create({ instanceUrl: given })).instanceUrl).toBe(stored);
  });

  it.each([
    'http://mastodon.example',
    'https://user:pass@mastodon.example',
    'https://mastodon.example/path',
    'https://mastodon.example?query',
    'ftp://mastodon.example',
    'https://localhost',
    'javascript:alert(1)',
    'https://mastodon.example\u0000',
    '',
    `https://${'a'.repeat(500)}.example`,
  ])('%j is refused with 400, on creation and on change', async (instanceUrl) => {
    const { id } = await create();
    expectProblem(await patch(id, { instanceUrl }), 400, 'validation_failed', ['/instanceUrl']);
    const body = {
      name: 'x',
      platformType: 'mastodon',
      accessToken: app.backends.secrets.make('t'),
      instanceUrl,
    };
    expectProblem(await ada.client.post('/v1/platforms', body), 400, 'validation_failed', ['/instanceUrl']);
  });
});
