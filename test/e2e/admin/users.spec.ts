import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, createPlatform, register, signAccessToken, unique } from '../../support/factories.js';
import type { HttpClient, TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';

interface Managed {
  readonly id: number;
  readonly email: string;
  readonly role: string;
  readonly disabled: boolean;
}

/** Within which time is for sessions.spec to say. */
const KNOWN = { timeoutMs: 10_000, intervalMs: 20, what: 'every process to know' };

let app: TestApp;
let admin: Person;

beforeAll(async () => {
  app = await startTestApp();
  const [root] = await app.backends.rows<{ id: number }>(
    `INSERT INTO users (email, role) VALUES ('root@example.org', 'admin') RETURNING id`,
  );
  admin = await administrator(root?.id ?? 0);
});
afterAll(() => app.close());

async function administrator(id: number): Promise<Person> {
  const accessToken = await signAccessToken(app.backends, id);
  return { id, accessToken, client: app.client.as({ accessToken }) } as Person;
}

const newPerson = (): Promise<Person> => register(app.client, app.backends.secrets);
const signIn = ({ email, password }: Person): Promise<TestResponse> =>
  app.client.post('/v1/auth/login', { email, password });
const statusOf = async (client: HttpClient): Promise<number> => (await client.get('/v1/platforms')).status;
const refusedSoon = (client: HttpClient): Promise<unknown> =>
  waitUntil(async () => (await statusOf(client)) === 401, KNOWN);
const change = (by: Person, id: number, body: object): Promise<TestResponse> =>
  by.client.request('PATCH', `/v1/admin/users/${id}`, { body });
const trail = async (action: string, userId: number): Promise<unknown[]> => {
  const found = await admin.client.get(`/v1/admin/audit?action=${action}`);
  return found.json<{ entries: { userId: number }[] }>().entries.filter((entry) => entry.userId === userId);
};

describe('GET /v1/admin/users', () => {
  const find = async (query: string): Promise<TestResponse> => admin.client.get(`/v1/admin/users?${query}`);
  const ids = (answer: TestResponse): number[] =>
    answer.json<{ items: Managed[] }>().items.map(({ id }) => id);

  it('finds by part of the address, by role and by state, and shows no secret', async () => {
    const person = await newPerson();
    const answer = await find(`search=${person.email.slice(0, -4).toUpperCase()}`);
    expect(answer.json()).toEqual({
      items: [
        {
          id: person.id,
          email: person.email,
          role: 'user',
          disabled: false,
          oidcIssuer: null,
          createdAt: expect.any(String),
          lastActiveAt: expect.any(String),
          leavesAt: null,
        },
      ],
    });
    expect(ids(await find('search=%25%25%25abc'))).toEqual([]);
    expect(ids(await find('role=admin'))).toContain(admin.id);
    expect(ids(await find('role=admin'))).not.toContain(person.id);
    await change(admin, person.id, { disabled: true });
    expect(ids(await find('disabled=true'))).toEqual([person.id]);
    expect(ids(await find('disabled=false&limit=100'))).not.toContain(person.id);
    expect((await admin.client.get(`/v1/admin/users/${person.id}`)).json()).toMatchObject({ disabled: true });
  });

  it('goes from page to page until the last', async () => {
    await Promise.all([newPerson(), newPerson()]);
    const seen: number[] = [];
    let next: string | undefined = '/v1/admin/users?sort=-id&limit=1';
    for (let pages = 0; next !== undefined && pages < 50; pages++) {
      const page = await admin.client.get(next);
      seen.push(...ids(page));
      next = /<([^>]+)>; rel="next"/.exec(page.header('link') ?? '')?.[1];
    }
    expect(seen).toEqual(ids(await find('sort=-id&limit=100')));
  });

  it.each([
    ['search=ab', '#search'],
    ['search=a-b-c', '#search'],
    ['role=root', '#role'],
    ['disabled=yes', '#disabled'],
    ['sort=email', '#sort'],
    ['limit=101', '#limit'],
    ['cursor=abc', '#cursor'],
  ])('refuses ?%s', async (query, pointer) => {
    expectProblem(await find(query), 400, 'validation_failed', [pointer]);
  });
});

describe('a user who is disabled', () => {
  it('can use neither a session nor a key nor the password, until enabled again', async () => {
    const person = await newPerson();
    const made = await person.client.post('/v1/api-keys', { name: unique(), scopes: ['platforms:read'] });
    const key = app.client.as({ accessToken: made.json<{ key: string }>().key });
    expect([await statusOf(person.client), await statusOf(key)]).toEqual([200, 200]);

    expect((await change(admin, person.id, { disabled: true })).json()).toMatchObject({ disabled: true });
    await Promise.all([refusedSoon(person.client), refusedSoon(key)]);
    expectProblem(await signIn(person), 403, 'sign_in_disabled');

    expect((await change(admin, person.id, { disabled: false })).json()).toMatchObject({ disabled: false });
    expect((await signIn(person)).status).toBe(200);
    await waitUntil(async () => (await statusOf(key)) === 200, KNOWN);
    expect(await trail('account.disable', person.id)).toEqual(
      ['enabled', 'disabled'].map((outcome) =>
        expect.objectContaining({ outcome, actor: 'user', detail: `By user ${admin.id}` }),
      ),
    );
  });

  it('is written once, however often it is asked for', async () => {
    const person = await newPerson();
    for (let n = 0; n < 2; n++)
      expect((await change(admin, person.id, { disabled: true })).json()).toMatchObject({ disabled: true });
    expect(await trail('account.disable', person.id)).toHaveLength(1);
  });
});

describe('an administrator', () => {
  it('makes another one, whose sessions end and who may then administer', async () => {
    const person = await newPerson();
    expect((await change(admin, person.id, { role: 'admin' })).json()).toMatchObject({ role: 'admin' });
    await refusedSoon(person.client);
    const session = (await signIn(person)).json<{ accessToken: string }>();
    expect((await app.client.as(session).get('/v1/admin/users')).status).toBe(200);
    expect(await trail('account.role', person.id)).toMatchObject([{ outcome: 'admin' }]);
  });

  it('signs a user out everywhere', async () => {
    const person = await newPerson();
    expect((await admin.client.delete(`/v1/admin/users/${person.id}/sessions`)).status).toBe(204);
    await refusedSoon(person.client);
    expectProblem(
      await app.client.post('/v1/auth/refresh', { refreshToken: person.refreshToken }),
      401,
      'invalid_refresh_token',
    );
    expect((await signIn(person)).status).toBe(200);
  });

  it('deletes a user with everything but the trail', async () => {
    const person = await newPerson();
    const { id, name } = await createPlatform(person, app.backends.secrets);
    for (const path of ['', `/${id}`]) await person.client.get(`/v1/platforms${path}`);
    expect((await admin.client.delete(`/v1/admin/users/${person.id}`)).status).toBe(204);
    await refusedSoon(person.client);
    expectProblem(await signIn(person), 401, 'invalid_credentials');
    await app.backends.settled();
    for (const table of ['platform_connections', 'sessions', 'refresh_tokens', 'api_keys'])
      expect(await app.backends.rows(`SELECT 1 FROM ${table} WHERE user_id = $1`, [person.id])).toEqual([]);
    // A read in the last moment may have cached that there is no connection.
    for (const key of [`platform:${id}`, `user_platforms:${person.id}`])
      expect((await app.backends.redis.get(key)) ?? '').not.toContain(name);
    expectProblem(await admin.client.get(`/v1/admin/users/${person.id}`), 404, 'user_not_found');
    expect(await trail('account.register', person.id)).toHaveLength(1);
    expect(await trail('account.delete', person.id)).toHaveLength(1);
  });

  it('cannot shut themselves out', async () => {
    for (const answer of [
      await change(admin, admin.id, { role: 'user' }),
      await change(admin, admin.id, { disabled: true }),
      await admin.client.delete(`/v1/admin/users/${admin.id}`),
      await admin.client.delete(`/v1/admin/users/${admin.id}/sessions`),
    ])
      expectProblem(answer, 409, 'own_account');
  });

  it('is left when two disable each other at once', async () => {
    for (let round = 0; round < 5; round++) {
      const two = await Promise.all(
        [0, 1].map(async () => {
          const { id } = await newPerson();
          await change(admin, id, { role: 'admin' });
          return administrator(id);
        }),
      );
      const [a, b] = two as [Person, Person];
      const answers = await Promise.all([
        change(a, b.id, { disabled: true }),
        change(b, a.id, { disabled: true }),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    }
  });

  it.each([
    ['a role that is none', { role: 'root' }, '/role'],
    ['a state that is none', { disabled: 'yes' }, '/disabled'],
    ['a field that cannot be changed', { email: 'x@example.org' }, '/email'],
  ])('is refused %s', async (_what, body, pointer) => {
    const { id } = await newPerson();
    expectProblem(await change(admin, id, body), 400, 'validation_failed', [pointer]);
  });

  it('is told of a user who does not exist', async () => {
    const unknown = '/v1/admin/users/2000000000';
    for (const answer of [
      await admin.client.get(unknown),
      await admin.client.request('PATCH', unknown, { body: { disabled: true } }),
      await admin.client.delete(unknown),
      await admin.client.delete(`${unknown}/sessions`),
    ])
      expectProblem(answer, 404, 'user_not_found');
  });
});

interface NewInvitation {
  readonly id: number;
  readonly token: string;
}

describe('an invitation', () => {
  let byInvitation: TestApp;

  beforeAll(async () => {
    byInvitation = await startTestApp({ backends: app.backends, env: { REGISTRATION: 'invite' } });
  });
  afterAll(() => byInvitation.app.close());

  const invite = async (own: object = {}): Promise<NewInvitation> =>
    (await admin.client.post('/v1/admin/invitations', own)).json<NewInvitation>();
  const use = (invitation?: string, email = `${unique()}@example.org`): Promise<TestResponse> =>
    byInvitation.client.post('/v1/auth/register', {
      email,
      password: app.backends.secrets.make('password'),
      ...(invitation !== undefined && { invitation }),
    });

  it('lets one person create an account, where nobody else can', async () => {
    expectProblem(await use(), 403, 'invitation_required');
    expectProblem(await use('x'.repeat(43)), 403, 'invalid_invitation');
    const { token } = await invite();
    const answers = await Promise.all([use(token), use(token)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 403]);
    expectProblem(await use(token), 403, 'invalid_invitation');
  });

  it('is not asked for where anybody may register', async () => {
    const password = app.backends.secrets.make('password');
    const account = { email: `${unique()}@example.org`, password, invitation: 'x'.repeat(43) };
    expect((await app.client.post('/v1/auth/register', account)).status).toBe(201);
  });

  it('is kept when the registration fails', async () => {
    const { token } = await invite();
    expectProblem(await use(token, 'root@example.org'), 409, 'email_taken');
    expect((await use(token)).status).toBe(201);
  });

  it('may be for one address, in any way to write it', async () => {
    const email = `Invited-${unique()}@Example.org`;
    const { token } = await invite({ email });
    expectProblem(await use(token), 403, 'invalid_invitation');
    expect((await use(token, email.toLowerCase())).status).toBe(201);
  });

  it('ends, by time or withdrawn', async () => {
    const expired = await invite({ days: 1 });
    await app.backends.rows(`UPDATE invitations SET expires_at = now() WHERE id = $1`, [expired.id]);
    expectProblem(await use(expired.token), 403, 'invalid_invitation');
    const { id, token } = await invite();
    const list = async (): Promise<unknown> => (await admin.client.get('/v1/admin/invitations')).json();
    expect(await list()).toEqual(
      expect.arrayContaining([
        { id, email: null, createdAt: expect.any(String), expiresAt: expect.any(String) },
      ]),
    );
    expect((await admin.client.delete(`/v1/admin/invitations/${id}`)).status).toBe(204);
    expectProblem(await use(token), 403, 'invalid_invitation');
    expectProblem(await admin.client.delete(`/v1/admin/invitations/${id}`), 404, 'invitation_not_found');
    expect(await list()).not.toEqual(expect.arrayContaining([expect.objectContaining({ id: expired.id })]));
  });

  it('is not one of more than a thousand', async () => {
    await app.backends.rows(
      `INSERT INTO invitations (token_hash, expires_at)
       SELECT sha256(n::text::bytea), now() + interval '1 day' FROM generate_series(1, 1000) n`,
    );
    expectProblem(await admin.client.post('/v1/admin/invitations', {}), 409, 'too_many_invitations');
    await app.backends.rows('DELETE FROM invitations');
  });

  it.each([
    [{ email: 'nobody' }, '/email'],
    [{ email: null }, '/email'],
    [{ days: 0 }, '/days'],
    [{ days: 31 }, '/days'],
  ])('is refused with %j', async (body, pointer) => {
    expectProblem(await admin.client.post('/v1/admin/invitations', body), 400, 'validation_failed', [
      pointer,
    ]);
  });
});
