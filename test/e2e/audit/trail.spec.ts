import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { runCli } from '../../support/cli.js';
import { type Person, createPlatform, platformInput, register } from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';
import { reveal } from '../../support/reveal.js';

interface Entry {
  readonly id: number;
  readonly action: string;
  readonly outcome: string;
  readonly actor: string;
  readonly userId: number | null;
  readonly apiKeyId: number | null;
  readonly platformId: number | null;
  readonly detail: string;
  readonly address: string;
  readonly requestId: string;
}

interface Page {
  readonly entries: readonly Entry[];
  readonly nextBefore: number | null;
  readonly nextAfter: number | null;
}

let app: TestApp;
let ada: Person;
let admin: Person;

beforeAll(async () => {
  app = await startTestApp();
  ada = await register(app.client, app.backends.secrets);
  const future = await register(app.client, app.backends.secrets);
  const promoted = await runCli(['users:promote', String(future.id)], app.backends.env());
  expect(promoted).toMatchObject({ code: 0, stderr: '' });
  admin = { ...future, client: app.client.as((await signIn(future)).json()) };
}, 60_000);
afterAll(() => app.close());

const signIn = ({ email, password }: Pick<Person, 'email' | 'password'>): Promise<TestResponse> =>
  app.client.post('/v1/auth/login', { email, password });

async function trailOf({ client }: Person, query = ''): Promise<Page> {
  const answer = await client.get(`/v1/audit?pageSize=100${query}`);
  expect([answer.status, answer.header('cache-control')]).toEqual([200, 'no-store']);
  return answer.json<Page>();
}

/** What the person's trail says since an entry, oldest first. */
async function since(person: Person, id: number): Promise<readonly Entry[]> {
  return (await trailOf(person, `&after=${id}`)).entries;
}

const lastId = async (person: Person): Promise<number> => (await trailOf(person)).entries[0]?.id ?? 0;

/** The same entry for each test of what an action leaves. */
const by = (person: Person, answer: TestResponse) => ({
  actor: 'user',
  userId: person.id,
  address: '127.0.0.1',
  requestId: answer.header('x-request-id'),
});

describe('the audit trail records', () => {
  it('registration, sign-in, failure, and the second use of a refresh token', async () => {
    const bob = await register(app.client, app.backends.secrets);
    const [registered] = (await trailOf(bob)).entries;
    expect(registered).toMatchObject({
      action: 'account.register',
      outcome: 'done',
      actor: 'user',
      userId: bob.id,
    });

    const begun = await signIn(bob);
    const failed = await signIn({ ...bob, password: 'not the right one' });
    expect(failed.status).toBe(401);
    const { refreshToken } = begun.json<Person>();
    expect((await app.client.post('/v1/auth/refresh', { refreshToken })).status).toBe(200);
    const reused = await app.client.post('/v1/auth/refresh', { refreshToken });
    expect(reused.status).toBe(401);
    const again = (await signIn(bob)).json<Person>();
    expect(await since({ ...bob, client: app.client.as(again) }, registered?.id ?? 0)).toMatchObject([
      { ...by(bob, begun), action: 'session.begin', outcome: 'done' },
      { ...by(bob, failed), action: 'session.begin', outcome: 'failed' },
      { ...by(bob, reused), action: 'session.reuse', outcome: 'sessions_ended' },
      { action: 'session.begin', outcome: 'done', userId: bob.id },
    ]);
  });

  it('a failure for a name without an account, as nobody’s', async () => {
    const failed = await signIn({ email: 'nobody@example.org', password: 'whatever it may be' });
    const rows = await app.backends.rows(
      'SELECT action, outcome, user_id FROM audit_log WHERE request_id = $1',
      [failed.header('x-request-id')],
    );
    expect(rows).toEqual([{ action: 'session.begin', outcome: 'failed', user_id: null }]);
  });

  it('keys that are made and revoked, and what is done with one', async () => {
    const before = await lastId(ada);
    const made = await ada.client.post('/v1/api-keys', { name: 'worker', scopes: ['credentials:read'] });
    const { id, key } = made.json<{ id: number; key: string }>();
    const platform = await createPlatform(ada, app.backends.secrets);
    await reveal({ client: ada.client, accessToken: key }, platform.id);
    const revoked = await ada.client.delete(`/v1/api-keys/${id}`);
    expect(await since(ada, before)).toMatchObject([
      {
        ...by(ada, made),
        action: 'api_key.create',
        detail: `API key ${id}: credentials:read`,
        apiKeyId: null,
      },
      { action: 'platform.create', platformId: platform.id },
      { action: 'credentials.reveal', outcome: 'revealed', platformId: platform.id, apiKeyId: id },
      { ...by(ada, revoked), action: 'api_key.revoke', detail: `API key ${id}` },
    ]);
  });

  it('changed credentials, not a changed name; and the end of a connection', async () => {
    const { secrets } = app.backends;
    const { id } = await createPlatform(ada, secrets);
    const before = await lastId(ada);
    await ada.client.patch(`/v1/platforms/${id}`, { name: 'Another name' });
    const { accessToken } = platformInput(secrets);
    const changed = await ada.client.patch(`/v1/platforms/${id}`, { accessToken });
    const deleted = await ada.client.delete(`/v1/platforms/${id}`);
    expect(await since(ada, before)).toMatchObject([
      { ...by(ada, changed), action: 'credentials.change', platformId: id },
      { ...by(ada, deleted), action: 'platform.delete', platformId: id },
    ]);
  });

  it('nothing of what was refused or rolled back', async () => {
    const { id } = await createPlatform(ada, app.backends.secrets, { name: 'Taken' });
    const before = await lastId(ada);
    const again = await ada.client.post(
      '/v1/platforms',
      platformInput(app.backends.secrets, { name: 'Taken' }),
    );
    expectProblem(again, 409, 'duplicate_name');
    const { accessToken } = platformInput(app.backends.secrets);
    const stale = { 'If-Match': '"0"' };
    expect((await ada.client.patch(`/v1/platforms/${id}`, { accessToken }, stale)).status).toBe(412);
    expect(await since(ada, before)).toEqual([]);
  });

  it('roles, by the operator', async () => {
    expect((await trailOf(admin, '&action=account.role')).entries).toMatchObject([
      {
        action: 'account.role',
        outcome: 'admin',
        actor: 'operator',
        userId: admin.id,
        address: '',
        requestId: '',
      },
    ]);
  });

  it('all that administrators ask for, before it is answered', async () => {
    const before = await lastId(admin);
    const found = await admin.client.get('/v1/admin/platforms?search=mastodon');
    const dropped = await admin.client.delete(`/v1/admin/cache/users/${ada.id}`);
    expect(await since(admin, before)).toMatchObject([
      { ...by(admin, found), action: 'admin.request', detail: 'GET /v1/admin/platforms' },
      { ...by(admin, dropped), action: 'admin.request', detail: `DELETE /v1/admin/cache/users/${ada.id}` },
    ]);
    const { sql } = app.backends;
    await sql.query('ALTER TABLE audit_log RENAME TO audit_log_gone');
    const refused = await admin.client
      .get('/v1/admin/platforms')
      .finally(() => sql.query('ALTER TABLE audit_log_gone RENAME TO audit_log'));
    expectProblem(refused, 503, 'audit_unavailable');
  });

  it('no sign-in without its entry', async () => {
    const { sql } = app.backends;
    await sql.query('ALTER TABLE audit_log RENAME TO audit_log_gone');
    const refused = await signIn(ada).finally(() =>
      sql.query('ALTER TABLE audit_log_gone RENAME TO audit_log'),
    );
    expectProblem(refused, 503, 'audit_unavailable');
    expect((await signIn(ada)).status).toBe(200);
  });
});

describe('GET /v1/audit', () => {
  it("has one's own entries only, newest first, page by page; with after, oldest first", async () => {
    const { entries } = await trailOf(ada);
    expect(new Set(entries.map(({ userId }) => userId))).toEqual(new Set([ada.id]));
    const ids = entries.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    const paged = [];
    for (let query: string | null = ''; query !== null;) {
      const page: Page = (await ada.client.get(`/v1/audit?pageSize=3${query}`)).json();
      paged.push(...page.entries);
      query = page.nextBefore === null ? null : `&before=${page.nextBefore}`;
    }
    expect(paged).toEqual(entries);
    expect((await since(ada, 0)).map(({ id }) => id)).toEqual([...ids].reverse());
    expect(await trailOf(ada, `&after=${ids[0]}`)).toEqual({
      entries: [],
      nextBefore: null,
      nextAfter: null,
    });
  });

  it('is closed to API keys', async () => {
    const made = await ada.client.post('/v1/api-keys', { name: 'all', scopes: ['credentials:read'] });
    const program = app.client.as({ accessToken: made.json<{ key: string }>().key });
    expectProblem(await program.get('/v1/audit'), 403, 'forbidden');
  });

  it.each([
    ['action=credentials', '#action'],
    ['after=-1', '#after'],
    ['after=1e3', '#after'],
    ['before=0', '#before'],
    ['pageSize=101', '#pageSize'],
    ['page=2', '#page'],
  ])('refuses ?%s', async (query, pointer) => {
    expectProblem(await ada.client.get(`/v1/audit?${query}`), 400, 'validation_failed', [pointer]);
  });
});

describe('GET /v1/admin/audit', () => {
  it("has everybody's entries", async () => {
    const { entries } = (await admin.client.get('/v1/admin/audit?action=account.register')).json<Page>();
    const users = entries.map(({ userId }) => userId);
    expect(users).toEqual(expect.arrayContaining([ada.id, admin.id]));
    expectProblem(await ada.client.get('/v1/admin/audit'), 403, 'forbidden');
  });

  it('is exported line by line, without gaps, and goes on after the last one', async () => {
    const lines = async (path: string): Promise<Entry[]> => {
      const answer = await admin.client.get(path, { Accept: 'application/x-ndjson' });
      expect(answer.header('content-type')).toBe('application/x-ndjson');
      return answer.text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Entry);
    };
    const all = await lines('/v1/admin/audit');
    expect(all.map(({ id }) => id)).toEqual(all.map((_, index) => index + 1));
    expect(all[0]).toMatchObject({ action: 'audit.begin', actor: 'system' });
    const last = all.at(-1);
    expect(last).toMatchObject({ action: 'admin.request', userId: admin.id });
    const next = await lines(`/v1/admin/audit?after=${last?.id}`);
    expect(next.map(({ id }) => id)).toEqual([(last?.id ?? 0) + 1]);
    const own = (
      await ada.client.get('/v1/audit?action=account.register', { Accept: 'application/x-ndjson' })
    ).text;
    expect(own.trim().split('\n')).toHaveLength(1);
  });
});
