import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ModuleRef } from '@nestjs/core';
import { AccountDeletion } from '../../../src/account/account-deletion.js';
import { AccountModule } from '../../../src/account/account.module.js';
import { waitUntil } from '../../support/barrier.js';
import {
  type Person,
  createPlatform,
  platformInput,
  register,
  signAccessToken,
  unique,
} from '../../support/factories.js';
import { type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { begin, finish } from '../../support/fake-instance/oauth-steps.js';
import { HttpClient, type TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';

const DAY_MS = 86_400_000;
/** Within which time is for sessions.spec to say. */
const KNOWN = { timeoutMs: 10_000, intervalMs: 20, what: 'every process to know' };

let fakes: FakeInstances;
let app: ConnectApp;
let client: HttpClient;

beforeAll(async () => {
  fakes = await FakeInstances.atMost(2);
  app = await startConnectApp({ allowlist: fakes.allowlist });
  client = new HttpClient(app.baseUrl, app.backends.exchanges, app.backends.secrets);
});
afterEach(() => fakes.closeAll());
afterAll(() => app.close());

const newPerson = (): Promise<Person> => register(client, app.backends.secrets);
const leave = ({ client: own }: Person, currentPassword?: string): Promise<TestResponse> =>
  own.request('DELETE', '/v1/me', { body: { currentPassword } });
const signIn = ({ email, password }: Person): Promise<TestResponse> =>
  client.post('/v1/auth/login', { email, password });
const statusOf = async (as: HttpClient): Promise<number> => (await as.get('/v1/platforms')).status;
const becomes = (as: HttpClient, status: number): Promise<unknown> =>
  waitUntil(async () => (await statusOf(as)) === status, KNOWN);
async function createLink({ client: own }: Person, body: object): Promise<number> {
  const { id, url } = (await own.post('/v1/connect/links', body)).json<{ id: number; url: string }>();
  app.backends.secrets.add(url.split('#')[1]);
  return id;
}
/** As if the week were over. */
const weekOver = (id: number): Promise<unknown> =>
  app.backends.rows(`UPDATE users SET leaves_at = now() WHERE id = $1 AND leaves_at IS NOT NULL`, [id]);
const removeAll = (): Promise<void> => app.app.get(AccountDeletion).removeAll();
const exists = async (id: number): Promise<boolean> =>
  (await app.backends.rows('SELECT 1 FROM users WHERE id = $1', [id])).length > 0;
const trail = (id: number): Promise<unknown[]> =>
  app.backends.rows(
    `SELECT outcome, actor FROM audit_log WHERE user_id = $1 AND action = 'account.delete' ORDER BY id`,
    [id],
  );

describe('DELETE /v1/me', () => {
  it('needs the password, and shuts out everybody at once', async () => {
    const person = await newPerson();
    const made = await person.client.post('/v1/api-keys', { name: unique(), scopes: ['platforms:read'] });
    const key = client.as({ accessToken: made.json<{ key: string }>().key });
    expect([await statusOf(person.client), await statusOf(key)]).toEqual([200, 200]);
    for (const wrong of [undefined, 'not the password'])
      expectProblem(await leave(person, wrong), 403, 'wrong_password');
    expectProblem(await person.client.delete('/v1/me'), 400, 'validation_failed', ['']);

    const answer = await leave(person, person.password);
    expect(answer.status).toBe(202);
    const leavesInMs = Date.parse(answer.json<{ leavesAt: string }>().leavesAt) - Date.now();
    expect(Math.round(leavesInMs / DAY_MS)).toBe(7);
    await Promise.all([becomes(person.client, 401), becomes(key, 401)]);
    const { refreshToken } = person;
    expectProblem(await client.post('/v1/auth/refresh', { refreshToken }), 401, 'invalid_refresh_token');
  });

  it('is undone by signing in within the week, and nothing is lost', async () => {
    const person = await newPerson();
    const { name } = await createPlatform(person, app.backends.secrets);
    const made = await person.client.post('/v1/api-keys', { name: unique(), scopes: ['platforms:read'] });
    const key = client.as({ accessToken: made.json<{ key: string }>().key });
    await leave(person, person.password);
    await becomes(key, 401);
    expectProblem(
      await client.post('/v1/auth/login', { email: person.email, password: 'not the password' }),
      401,
      'invalid_credentials',
    );
    const back = client.as((await signIn(person)).json());
    expect((await back.get('/v1/platforms')).json()).toMatchObject([{ name }]);
    await becomes(key, 200);
    await removeAll();
    expect(await exists(person.id)).toBe(true);
    expect(await trail(person.id)).toEqual([
      { outcome: 'requested', actor: 'user' },
      { outcome: 'undone', actor: 'user' },
    ]);
  });

  it('leaves nothing after the week but the trail, and revokes the tokens at their instances', async () => {
    const fake = await fakes.start('mastodon');
    const caller = await app.signUp();
    await finish(caller, begin(caller, fake));
    const issued = () => [...fake.oauth.tokens.values()].some(({ accountId }) => accountId === '1');
    expect(issued()).toBe(true);
    const me = (await caller.send<{ id: number; email: string }>('GET', '/v1/me')).body;
    const password = 'correct horse battery staple';
    expect((await caller.send('DELETE', '/v1/me', { currentPassword: password })).status).toBe(202);
    expect(issued()).toBe(true);

    await weekOver(me.id);
    const signedIn = await client.post('/v1/auth/login', { email: me.email, password });
    expectProblem(signedIn, 401, 'invalid_credentials');
    await Promise.all([removeAll(), removeAll()]);
    expect(issued()).toBe(false);
    expect(await exists(me.id)).toBe(false);
    for (const table of [
      'platform_connections',
      'sessions',
      'refresh_tokens',
      'api_keys',
      'connect_attempts',
    ])
      expect(await app.backends.rows(`SELECT 1 FROM ${table} WHERE user_id = $1`, [me.id])).toEqual([]);
    await app.backends.settled();
    expect(await app.backends.redis.exists(`user_platforms:${me.id}`)).toBe(0);
    expect(await trail(me.id)).toEqual([
      { outcome: 'requested', actor: 'user' },
      { outcome: 'done', actor: 'system' },
    ]);
  });

  it('goes on after a restart: a process that stops waits for one connection only', async () => {
    const fake = await fakes.start('mastodon');
    fake.accounts.set('2', { username: 'bob', displayName: 'Bob' });
    const caller = await app.signUp();
    for (fake.signedIn of ['1', '2']) await finish(caller, begin(caller, fake));
    const { id } = (await caller.send<{ id: number }>('GET', '/v1/me')).body;
    await caller.send('DELETE', '/v1/me', { currentPassword: 'correct horse battery staple' });
    await weekOver(id);

    const stopping = await app.app
      .select(AccountModule)
      .get(ModuleRef, { strict: true })
      .create(AccountDeletion);
    const revoke = fake.hold('/oauth/revoke');
    const removing = stopping.removeAll();
    await revoke.arrived;
    const stopped = stopping.beforeApplicationShutdown();
    revoke.open();
    await Promise.all([removing, stopped]);
    expect(fake.asked('/oauth/revoke')).toHaveLength(1);
    expect(await exists(id)).toBe(true);

    await removeAll();
    expect(fake.asked('/oauth/revoke')).toHaveLength(2);
    expect(await exists(id)).toBe(false);
  });

  it('waits for no account that cannot be deleted', async () => {
    const [held, other] = [await newPerson(), await newPerson()];
    for (const person of [held, other]) {
      await leave(person, person.password);
      await weekOver(person.id);
    }
    // As an operator may, who has tables of their own.
    await app.backends.rows('CREATE TABLE reports (user_id integer REFERENCES users)');
    await app.backends.rows('INSERT INTO reports VALUES ($1)', [held.id]);
    await expect(removeAll()).rejects.toThrow('reports_user_id_fkey');
    expect([await exists(held.id), await exists(other.id)]).toEqual([true, false]);
    await app.backends.rows('DROP TABLE reports');
    await removeAll();
    expect(await exists(held.id)).toBe(false);
  });

  it('of somebody without a password is undone by an administrator, whose word holds', async () => {
    const [user, root] = await app.backends.rows<{ id: number }>(
      `INSERT INTO users (email, role, oidc_issuer, oidc_subject) VALUES
         ($1 || '-a@example.org', 'user', 'https://id.example', $1), ($1 || '-b@example.org', 'admin', NULL, NULL)
       RETURNING id`,
      [unique()],
    );
    const id = user?.id ?? 0;
    const admin = client.as({ accessToken: await signAccessToken(app.backends, root?.id ?? 0) });
    const state = async (disabled: boolean) => {
      const own = client.as({ accessToken: await signAccessToken(app.backends, id) });
      expect((await own.request('DELETE', '/v1/me', { body: {} })).status).toBe(202);
      expect((await admin.get(`/v1/admin/users/${id}`)).json()).toMatchObject({
        disabled: true,
        leavesAt: expect.any(String),
      });
      const changed = await admin.request('PATCH', `/v1/admin/users/${id}`, { body: { disabled } });
      expect(changed.json()).toMatchObject({ disabled, leavesAt: null });
    };
    await state(false);
    await state(true);
    await removeAll();
    expect(await exists(id)).toBe(true);
  });
});

describe('GET /v1/me/export', () => {
  it('holds all that is kept, and no secret', async () => {
    const person = await newPerson();
    const { id, name } = await createPlatform(person, app.backends.secrets);
    await person.client.post('/v1/api-keys', { name: 'A worker', scopes: ['platforms:read'] });
    await app.backends.rows(
      `INSERT INTO platform_activities (platform_id, kind, external_id, status, occurred_at)
       SELECT $1, 'post', 'number ' || n, 'done', now() FROM generate_series(1, 2500) n`,
      [id],
    );
    await app.backends.rows(
      `INSERT INTO account_snapshots (platform_id, taken_on, taken_at, account_id, followers)
       VALUES ($1, '2026-11-01', now(), '1', 7)`,
      [id],
    );
    for (const owner of [person, await newPerson()])
      await createLink(owner, { externalUserId: 'customer-1', applicationName: 'Helper' });
    const used = await createLink(person, { externalUserId: 'customer-2' });
    await app.backends.rows('UPDATE connect_links SET expires_at = now() WHERE id = $1', [used]);
    await createPlatform(await newPerson(), app.backends.secrets);

    const answer = await person.client.get('/v1/me/export');
    expect(answer.header('content-disposition')).toMatch(/^attachment; filename=/);
    expect(app.backends.secrets.foundIn(answer.text)).toEqual([]);
    const exported = answer.json<Record<string, { externalId: string }[]>>();
    expect(exported).toMatchObject({
      account: [{ id: person.id, email: person.email, role: 'user' }],
      sessions: [{ address: '127.0.0.1' }],
      apiKeys: [{ name: 'A worker', scopes: ['platforms:read'] }],
      connections: [{ id, name }],
      followers: [{ platformId: id, day: '2026-11-01', followers: 7 }],
      auditTrail: expect.arrayContaining([expect.objectContaining({ action: 'account.export' })]),
    });
    const links = (await person.client.get('/v1/connect/links')).json<object[]>();
    expect(links).toHaveLength(1);
    // The two write times each in their own way.
    const inOneWay = (link: object) =>
      Object.fromEntries(
        Object.entries(link).map(([name, value]) => [
          name,
          name.endsWith('At') ? Date.parse(String(value)) : (value as unknown),
        ]),
      );
    expect(exported['connectLinks']?.map(inOneWay)).toEqual(links.map(inOneWay));
    expect(new Set(exported['activities']?.map(({ externalId }) => externalId)).size).toBe(2500);
    expect(exported['activities']).toHaveLength(2500);
  });

  it('adds the credentials where they are asked for, each connection in the trail first', async () => {
    const person = await newPerson();
    const input = platformInput(app.backends.secrets);
    const { id } = (await person.client.post('/v1/platforms', input)).json<{ id: number }>();
    const moved = await createPlatform(person, app.backends.secrets);
    await app.backends.rows(
      `UPDATE platform_connections SET access_token = (SELECT access_token FROM platform_connections WHERE id = $2)
       WHERE id = $1`,
      [moved.id, id],
    );
    await createPlatform(await newPerson(), app.backends.secrets);
    const answer = await person.client.get('/v1/me/export?secrets=true');
    const { accessToken, clientKey, clientSecret } = input;
    const nothing = { accessToken: null, clientKey: null, clientSecret: null };
    expect(answer.json<{ credentials: unknown[] }>().credentials).toMatchObject([
      { platformId: id, username: input.username, accessToken, clientKey, clientSecret },
      { platformId: moved.id, ...nothing },
    ]);
    const trail = await person.client.get('/v1/audit?action=credentials.reveal');
    expect(trail.json<{ entries: unknown[] }>().entries).toEqual([
      expect.objectContaining({
        ...{ platformId: id, userId: person.id, outcome: 'revealed', address: '127.0.0.1' },
        reason: 'Export of the account',
      }),
    ]);
  });

  it('needs a recent sign-in for them, and true or false', async () => {
    const person = await newPerson();
    expectProblem(await person.client.get('/v1/me/export?secrets=yes'), 400, 'validation_failed', [
      '#secrets',
    ]);
    await app.backends.rows(
      `UPDATE sessions SET confirmed_at = now() - interval '11 minutes' WHERE user_id = $1`,
      [person.id],
    );
    await waitUntil(
      async () => (await person.client.get('/v1/me/export?secrets=true')).status === 403,
      KNOWN,
    );
    expectProblem(await person.client.get('/v1/me/export?secrets=true'), 403, 'recent_sign_in_required');
    expect((await person.client.get('/v1/me/export?secrets=false')).status).toBe(200);
  });
});
