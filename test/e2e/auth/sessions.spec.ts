import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { expectBestRound } from '../../support/best-round.js';
import { runCli } from '../../support/cli.js';
import { type Person, type Session, insertSessions, register, unique } from '../../support/factories.js';
import { FakeIssuer } from '../../support/fake-issuer.js';
import type { HttpClient, TestResponse } from '../../support/http-client.js';
import { expectProblem, withoutOccurrence } from '../../support/problems.js';
import { StatementCounter } from '../../support/statements.js';

interface OpenSession {
  readonly id: number;
  readonly device: string;
  readonly address: string;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly current: boolean;
}

/** What is promised, from the answer, or from the COMMIT of a change by SQL, to the refusal by every process. */
const PROMISED_MS = 1000;
const GIVEN_UP_MS = 10_000;
const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0';

jest.setTimeout(60_000);

let issuer: FakeIssuer;
let backends: Backends;
let app: TestApp;
let other: TestApp;

beforeAll(async () => {
  issuer = await FakeIssuer.start();
  backends = await Backends.create();
  const env = issuer.env();
  app = await startTestApp({ backends, env });
  other = await startTestApp({ backends, env });
}, 60_000);
afterAll(async () => {
  await app.expectCleanRecord();
  await app.app.close();
  await other.app.close();
  await issuer.down();
  await backends.remove();
});

const newPerson = (): Promise<Person> => register(app.client, backends.secrets);
const signIn = async ({ email, password }: Person, headers = {}): Promise<Session> =>
  (await app.client.post('/v1/auth/login', { email, password }, headers)).json<Session>();
const sessionsOf = async (client: HttpClient): Promise<OpenSession[]> =>
  (await client.get('/v1/sessions')).json<OpenSession[]>();
const refresh = ({ refreshToken }: Session) => app.client.post('/v1/auth/refresh', { refreshToken });
const statusOf = async (on: TestApp, accessToken: string): Promise<number> =>
  (await on.client.as({ accessToken }).get('/v1/platforms')).status;

/** With the token read and remembered by both processes. @returns how long after `end` each of them took it. */
async function acceptedAfter(accessToken: string, end: () => Promise<unknown>): Promise<number> {
  for (const on of [app, other]) expect(await statusOf(on, accessToken)).toBe(200);
  await end();
  const endedAtMs = performance.now();
  const refusal = async (on: TestApp): Promise<number> => {
    while (performance.now() - endedAtMs < GIVEN_UP_MS) {
      const sentMs = performance.now() - endedAtMs;
      if ((await statusOf(on, accessToken)) === 401) return sentMs;
    }
    return GIVEN_UP_MS;
  };
  return Math.max(...(await Promise.all([app, other].map(refusal))));
}

const expectEndedInTime = (begin: () => Promise<readonly [string, () => Promise<unknown>]>): Promise<void> =>
  expectBestRound(async () => [
    { what: 'milliseconds', value: await acceptedAfter(...(await begin())), limit: PROMISED_MS },
  ]);

describe('GET /v1/sessions', () => {
  it('shows where somebody is signed in, the newest first, and which of them asks', async () => {
    const person = await newPerson();
    const second = await signIn(person, { 'User-Agent': FIREFOX });
    const listed = await sessionsOf(app.client.as(second));
    expect(listed).toEqual([
      {
        id: expect.any(Number),
        device: 'Firefox on Windows',
        address: '127.0.0.1',
        createdAt: expect.any(String),
        lastSeenAt: expect.any(String),
        current: true,
      },
      expect.objectContaining({ address: '127.0.0.1', current: false }),
    ]);
    expect((await sessionsOf(person.client)).map(({ current }) => current)).toEqual([false, true]);
    expect(await sessionsOf((await newPerson()).client)).toHaveLength(1);
  });

  it('keeps a session the same over a refresh, and notes when and from where', async () => {
    const person = await newPerson();
    const [before] = await sessionsOf(person.client);
    const { refreshToken } = person;
    const renewed = await app.client.post('/v1/auth/refresh', { refreshToken }, { 'User-Agent': 'curl/8' });
    const [after, ...more] = await sessionsOf(app.client.as(renewed.json<Session>()));
    expect(more).toEqual([]);
    expect(after).toEqual({ ...before, device: 'curl', lastSeenAt: expect.any(String) });
    expect((after?.lastSeenAt ?? '') > (before?.lastSeenAt ?? '')).toBe(true);
  });

  it('lists no session that has expired, and forgets it a day later', async () => {
    const person = await newPerson();
    const [expired] = await insertSessions(backends, [person.id]);
    const age = (interval: string) =>
      backends.rows(`UPDATE sessions SET expires_at = now() - $2::interval WHERE id = $1`, [
        expired,
        interval,
      ]);
    await age('1 second');
    expect(await sessionsOf(person.client)).toHaveLength(1);
    await age('25 hours');
    await signIn(person);
    expect(await backends.rows('SELECT 1 FROM sessions WHERE id = $1', [expired])).toEqual([]);
  });

  it('holds a hundred sessions of a user: one more ends the one that was quiet for longest', async () => {
    const person = await newPerson();
    await insertSessions(
      backends,
      Array.from({ length: 99 }, () => person.id),
    );
    await backends.rows(
      `UPDATE sessions SET last_seen_at = now() - interval '1 day'
       WHERE id = (SELECT min(id) FROM sessions WHERE user_id = $1)`,
      [person.id],
    );
    const [quiet] = await backends.rows<{ id: number }>(
      'SELECT id FROM sessions WHERE user_id = $1 ORDER BY last_seen_at LIMIT 1',
      [person.id],
    );
    const listed = await sessionsOf(app.client.as(await signIn(person)));
    expect(listed).toHaveLength(100);
    expect(listed.map(({ id }) => id)).not.toContain(quiet?.id);
    expectProblem(await refresh(person), 401, 'invalid_refresh_token');
  });
});

describe('an access token', () => {
  it('is refused by every process within a second after its session was ended', () =>
    expectEndedInTime(async () => {
      const person = await newPerson();
      const lost = await signIn(person);
      const [{ id } = { id: 0 }] = await sessionsOf(app.client.as(lost));
      const end = async () => expect((await person.client.delete(`/v1/sessions/${id}`)).status).toBe(204);
      return [lost.accessToken, end];
    }));

  it('is refused at once by the process that has ended its session, which keeps the others', async () => {
    const person = await newPerson();
    const [lost, kept] = [await signIn(person), await signIn(person)];
    const [, { id } = { id: 0 }] = await sessionsOf(app.client.as(kept));
    for (const { accessToken } of [lost, kept]) expect(await statusOf(app, accessToken)).toBe(200);
    expect((await person.client.delete(`/v1/sessions/${id}`)).status).toBe(204);
    expect(await statusOf(app, lost.accessToken)).toBe(401);
    expectProblem(await refresh(lost), 401, 'invalid_refresh_token');
    expect(await statusOf(app, kept.accessToken)).toBe(200);
    expect((await refresh(kept)).status).toBe(200);
    expect((await person.client.get('/v1/audit?action=session.end')).json()).toMatchObject({
      entries: [{ actor: 'user', userId: person.id, outcome: 'done', detail: `Session ${id}` }],
    });
  });

  it('counts on after all other sessions were ended, and theirs do not', async () => {
    const person = await newPerson();
    const others = [await signIn(person), await signIn(person)];
    expect((await person.client.delete('/v1/sessions')).status).toBe(204);
    for (const session of others) {
      expect(await statusOf(app, session.accessToken)).toBe(401);
      expectProblem(await refresh(session), 401, 'invalid_refresh_token');
    }
    expect(await sessionsOf(person.client)).toMatchObject([{ current: true }]);
    expect((await refresh(person)).status).toBe(200);
  });

  it.each<[string, (person: Person) => Promise<unknown>]>([
    ['sign-out', ({ refreshToken }) => app.client.post('/v1/auth/logout', { refreshToken })],
    [
      'the use of a refresh token for a second time',
      async (person) => {
        const other = await signIn(person);
        await refresh(other);
        await refresh(other);
      },
    ],
    ['a new role by SQL', ({ id }) => backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [id])],
    [
      'SQL that disables the account',
      ({ id }) => backends.rows('UPDATE users SET disabled_at = now() WHERE id = $1', [id]),
    ],
    ['SQL that deletes the account', ({ id }) => backends.rows('DELETE FROM users WHERE id = $1', [id])],
    [
      'SQL that deletes the session',
      ({ id }) => backends.rows('DELETE FROM sessions WHERE user_id = $1', [id]),
    ],
    [
      'users:promote',
      async ({ id }) => {
        const done = await runCli(['users:promote', String(id)], backends.env());
        expect(done).toMatchObject({ code: 0, stderr: '' });
      },
    ],
  ])('is refused by every process within a second after %s', async (_what, end) =>
    expectEndedInTime(async () => {
      const person = await newPerson();
      return [person.accessToken, () => end(person)];
    }),
  );

  it('is refused after the sessions were truncated, although it was cached', async () => {
    const person = await newPerson();
    for (const on of [app, other]) expect(await statusOf(on, person.accessToken)).toBe(200);
    await backends.rows('TRUNCATE sessions');
    await backends.settled();
    for (const on of [app, other]) {
      const refused = async (): Promise<boolean> => (await statusOf(on, person.accessToken)) === 401;
      await waitUntil(refused, { timeoutMs: GIVEN_UP_MS, what: 'the token to be refused' });
    }
  });

  it('asks the database nothing while its session is cached', async () => {
    const { accessToken } = await newPerson();
    for (const on of [app, other]) await statusOf(on, accessToken);
    const counter = await StatementCounter.install(backends);
    await Promise.all(Array.from({ length: 50 }, () => statusOf(app, accessToken)));
    expect(await counter.calls('sessions|users')).toBe(0);
  });

  it('is given no rights by an entry that somebody else wrote to Redis', async () => {
    const person = await newPerson();
    const [{ id } = { id: 0 }] = await sessionsOf(person.client);
    await person.client.delete('/v1/sessions');
    const entry = (await backends.cached(`session:${id}`)) ?? '';
    const expected = {
      session: String(id),
      userId: person.id,
      role: 'user',
      confirmedAt: expect.any(Number),
    };
    expect(JSON.parse(entry)).toEqual(expected);
    await backends.redis.set(`session:${id}`, entry.replace('"user"', '"admin"'));
    const admin = await other.client.as(person).get('/v1/admin/cache');
    expectProblem(admin, 403, 'forbidden');
  });
});

describe('DELETE /v1/sessions/:id', () => {
  it('answers the same for an absent session, one that has ended and another user’s', async () => {
    const [person, stranger] = [await newPerson(), await newPerson()];
    const [{ id: theirs } = { id: 0 }] = await sessionsOf(stranger.client);
    const [own] = await insertSessions(backends, [person.id]);
    expect((await person.client.delete(`/v1/sessions/${own}`)).status).toBe(204);
    await backends.settled();
    const answers = await Promise.all(
      [2_000_000_000, own, theirs].map((id) => person.client.delete(`/v1/sessions/${id}`)),
    );
    for (const answer of answers) expectProblem(answer, 404, 'session_not_found');
    expect(new Set(answers.map(withoutOccurrence)).size).toBe(1);
    expect(await statusOf(app, stranger.accessToken)).toBe(200);
  });
});

describe('the use of a refresh token for a second time', () => {
  it('ends all sessions of the user, once: a token of a session that has ended does no more harm', async () => {
    const person = await newPerson();
    const bystander = await signIn(person);
    await refresh(person);
    expectProblem(await refresh(person), 401, 'invalid_refresh_token');
    expectProblem(await refresh(bystander), 401, 'invalid_refresh_token');
    const later = await signIn(person);
    expectProblem(await refresh(person), 401, 'invalid_refresh_token');
    expect((await refresh(later)).status).toBe(200);
  });
});

describe('the session of a page of this server', () => {
  const FROM_PAGE = { 'Session-Cookie': 'true', 'Sec-Fetch-Site': 'same-origin' };
  const cookieOf = (answer: TestResponse): string => answer.header('set-cookie')?.split(';', 1)[0] ?? '';
  const ask = (route: string, cookie: string, body: unknown = {}) =>
    app.client.post(`/v1/auth/${route}`, body, { ...FROM_PAGE, Cookie: cookie });
  const begin = async (): Promise<{ person: Person; cookie: string }> => {
    const person = await newPerson();
    const { email, password } = person;
    return { person, cookie: cookieOf(await ask('login', '', { email, password })) };
  };

  it('is in a cookie that no script reads and no other site sends, and nowhere in an answer', async () => {
    const { email, password } = await newPerson();
    const key = { 'Idempotency-Key': unique() };
    const login = () => app.client.post('/v1/auth/login', { email, password }, { ...FROM_PAGE, ...key });
    const [first, again] = [await login(), await login()];
    expect(again.header('idempotent-replayed')).toBe('true');
    for (const answer of [first, again]) {
      expect(answer.status).toBe(200);
      expect(Object.keys(answer.json())).toEqual(['user', 'accessToken', 'tokenType', 'expiresIn']);
      expect(answer.header('set-cookie')).toMatch(
        /^__Host-pm_session_[0-9a-f]{8}=c\.[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=\d+$/,
      );
    }
    expect(cookieOf(again)).toBe(cookieOf(first));
    const { refreshToken } = await signIn({ email, password } as Person);
    expect(refreshToken).toMatch(/^[\w-]{43}$/);
  });

  it('goes on by the cookie alone, and ends with it', async () => {
    const { cookie } = await begin();
    const next = await ask('refresh', cookie);
    expect(next.status).toBe(200);
    expect(next.json()).not.toHaveProperty('refreshToken');
    expect(cookieOf(next)).not.toBe(cookie);
    expect(await statusOf(app, next.json<Session>().accessToken)).toBe(200);
    const end = await ask('logout', cookieOf(next));
    expect([end.status, end.header('set-cookie')]).toEqual([204, expect.stringMatching(/=; .*Max-Age=0$/)]);
    expect(await statusOf(app, next.json<Session>().accessToken)).toBe(401);
    expectProblem(await ask('refresh', cookieOf(next)), 401, 'invalid_refresh_token');
    expectProblem(await ask('refresh', ''), 401, 'invalid_refresh_token');
    expectProblem(
      await ask('refresh', cookieOf(next).replace(/=.*/, '=" ; x')),
      401,
      'invalid_refresh_token',
    );
  });

  it.each([
    ['another site', { 'Session-Cookie': 'true', 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['a sibling site', { 'Session-Cookie': 'true', 'Sec-Fetch-Site': 'same-site' }, 403],
    ['what is not a browser’s page', { 'Session-Cookie': 'true' }, 403],
    ['a form, which has no header of its own', { 'Sec-Fetch-Site': 'same-origin' }, 400],
    ['a form, which is no JSON', { ...FROM_PAGE, 'Content-Type': 'text/plain' }, 415],
  ])('is not used for %s', async (_what, headers, status) => {
    const { cookie } = await begin();
    for (const route of ['refresh', 'logout']) {
      const refused = await app.client.post(`/v1/auth/${route}`, {}, { ...headers, Cookie: cookie });
      expect([refused.status, refused.header('set-cookie')]).toEqual([status, null]);
    }
    expect((await ask('refresh', cookie)).status).toBe(200);
  });

  it('survives tabs that refresh at the same moment and a reload in the middle, but not a copy used later', async () => {
    const { person, cookie } = await begin();
    const tabs = await Promise.all([1, 2, 3].map(() => ask('refresh', cookie)));
    expect(tabs.map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const tab of tabs) expect((await ask('refresh', cookieOf(tab))).status).toBe(200);
    await backends.rows(
      `UPDATE refresh_tokens SET used_at = used_at - interval '31 seconds' WHERE user_id = $1`,
      [person.id],
    );
    expectProblem(await ask('refresh', cookie), 401, 'invalid_refresh_token');
    expect((await person.client.get('/v1/sessions')).status).toBe(401);
  });

  it('gives a program’s token no second use, whatever it claims', async () => {
    const session = await signIn(await newPerson());
    await refresh(session);
    expectProblem(
      await ask('refresh', '', { refreshToken: session.refreshToken }),
      401,
      'invalid_refresh_token',
    );
  });
});

describe('an account that is disabled', () => {
  const disable = (id: number) => backends.rows('UPDATE users SET disabled_at = now() WHERE id = $1', [id]);

  it('cannot sign in or refresh, which only the right password is told', async () => {
    const person = await newPerson();
    await disable(person.id);
    const { email, password } = person;
    expectProblem(await app.client.post('/v1/auth/login', { email, password }), 403, 'sign_in_disabled');
    const wrong = { email, password: backends.secrets.make('password') };
    expectProblem(await app.client.post('/v1/auth/login', wrong), 401, 'invalid_credentials');
    expectProblem(await refresh(person), 401, 'invalid_refresh_token');
    await backends.rows('UPDATE users SET disabled_at = NULL WHERE id = $1', [person.id]);
    expect((await app.client.post('/v1/auth/login', { email, password })).status).toBe(200);
  });

  it('is refused with its API keys, which work again when it is enabled', async () => {
    const person = await newPerson();
    const made = await person.client.post('/v1/api-keys', { name: 'worker', scopes: ['platforms:read'] });
    const { key } = made.json<{ key: string }>();
    backends.secrets.add(key);
    for (const on of [app, other]) expect(await statusOf(on, key)).toBe(200);
    await disable(person.id);
    await backends.settled();
    for (const on of [app, other]) expect(await statusOf(on, key)).toBe(401);
    await backends.rows('UPDATE users SET disabled_at = NULL WHERE id = $1', [person.id]);
    await backends.settled();
    expect(await statusOf(other, key)).toBe(200);
  });

  it('is refused within a second with a token of the OpenID provider, which has no session here', () =>
    expectEndedInTime(async () => {
      const accessToken = await issuer.sign({ claims: { sub: unique() } });
      const client = app.client.as({ accessToken });
      const { id } = (await client.get('/v1/me')).json<{ id: number }>();
      expect(await sessionsOf(client)).toEqual([]);
      expect((await client.delete('/v1/sessions')).status).toBe(204);
      return [accessToken, () => disable(id)];
    }));

  it('gets the rights of a new role with a token of the OpenID provider', async () => {
    const accessToken = await issuer.sign({ claims: { sub: unique() } });
    const client = app.client.as({ accessToken });
    const { id } = (await client.get('/v1/me')).json<{ id: number }>();
    expectProblem(await client.get('/v1/admin/cache'), 403, 'forbidden');
    await backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [id]);
    const isAdmin = async (): Promise<boolean> => (await client.get('/v1/admin/cache')).status === 200;
    await waitUntil(isAdmin, { timeoutMs: GIVEN_UP_MS, what: 'the role to be known' });
  });
});
