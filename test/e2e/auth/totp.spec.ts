import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { authenticator } from '../../../src/factors/second-factors.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { runCli } from '../../support/cli.js';
import { type Person, type Session, register } from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';

const STEP_MS = 30_000;
const CLI_TIMEOUT_MS = 90_000;

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

interface WithApp extends Person {
  readonly secret: string;
  readonly recoveryCodes: readonly string[];
}

/** Of the step before: the codes of this and the next one are still to be used. */
const earlier = (secret: string): string =>
  authenticator(secret).generate({ timestamp: Date.now() - STEP_MS });
const current = (secret: string): string => authenticator(secret).generate();
const later = (secret: string): string => authenticator(secret).generate({ timestamp: Date.now() + STEP_MS });
const wrong = (secret: string): string => String((Number(current(secret)) + 1) % 1e6).padStart(6, '0');
const confirm = ({ client }: Person, code: string): Promise<TestResponse> =>
  client.request('PUT', '/v1/me/totp', { body: { code } });
const signIn = ({ email, password }: Person, code?: string): Promise<TestResponse> =>
  app.client.post('/v1/auth/login', { email, password, code });
/** As if each code had been made long ago. */
const forgetUsed = ({ id }: Person): Promise<unknown> =>
  app.backends.rows('UPDATE totp_factors SET last_step = NULL WHERE user_id = $1', [id]);

async function withApp(): Promise<WithApp> {
  const person = await register(app.client, app.backends.secrets);
  const { secret } = (await person.client.post('/v1/me/totp')).json<{ secret: string }>();
  const done = await confirm(person, earlier(secret));
  expect(done.status).toBe(200);
  return { ...person, secret, ...done.json<{ recoveryCodes: string[] }>() };
}

describe('an administrator where a second factor is required', () => {
  it('reaches nothing of an administrator before one is set up, and all of their own', async () => {
    const { backends } = app;
    const strict = await startTestApp({ backends, env: { ADMIN_SECOND_FACTOR_REQUIRED: 'true' } });
    try {
      const [bare, equipped] = [await register(strict.client, backends.secrets), await withApp()];
      await backends.rows(`UPDATE users SET role = 'admin' WHERE id = ANY($1::integer[])`, [
        [bare.id, equipped.id],
      ]);
      const signedIn = async (person: Person, code?: string): Promise<Session> =>
        (await signIn(person, code)).json<Session>();
      const session = await signedIn(bare);
      const without = strict.client.as(session);
      for (const path of ['/v1/admin/users', '/v1/admin/platforms', '/v1/admin/cache'])
        expectProblem(await without.get(path), 403, 'admin_factor_missing');
      expect((await without.get('/v1/me/totp')).status).toBe(200);
      expect((await without.get('/v1/platforms')).status).toBe(200);
      const withOne = strict.client.as(await signedIn(equipped, current(equipped.secret)));
      expect((await withOne.get('/v1/admin/users')).status).toBe(200);
      expect((await app.client.as(session).get('/v1/admin/users')).status).toBe(200);
    } finally {
      await strict.close();
    }
  });
});

describe('an authenticator app', () => {
  it('counts once a code of it has come, and gives ten recovery codes, of which only hashes are stored', async () => {
    const person = await register(app.client, app.backends.secrets);
    const first = (await person.client.post('/v1/me/totp')).json<{ secret: string; uri: string }>();
    const answer = await person.client.post('/v1/me/totp');
    expect(answer.header('cache-control')).toBe('no-store');
    const { secret, uri } = answer.json<typeof first>();
    expect(secret).not.toBe(first.secret);
    expect(uri).toContain(`secret=${secret}`);
    expect((await signIn(person)).status).toBe(200);
    expectProblem(await confirm(person, 'x'), 400, 'validation_failed', ['/code']);
    expectProblem(await confirm(person, wrong(secret)), 403, 'wrong_code');
    const done = await confirm(person, current(secret));
    const { recoveryCodes } = done.json<{ recoveryCodes: string[] }>();
    expect(new Set(recoveryCodes).size).toBe(10);
    expect((await person.client.get('/v1/me/totp')).json()).toEqual({
      since: expect.stringMatching(/Z$/),
      recoveryCodesLeft: 10,
    });
    expectProblem(await person.client.post('/v1/me/totp'), 409, 'totp_enabled');
    expectProblem(await confirm(person, current(secret)), 409, 'totp_enabled');
    const rows = await app.backends.rows('SELECT * FROM totp_factors, recovery_codes');
    for (const told of [secret, ...recoveryCodes]) expect(JSON.stringify(rows)).not.toContain(told);
    expect((await person.client.get('/v1/me/export')).json()).toMatchObject({
      secondFactors: [{ kind: 'totp' }],
    });
  });

  it('is asked for only after the right password, and each code works once', async () => {
    const person = await withApp();
    expectProblem(await signIn({ ...person, password: 'not the password' }), 401, 'invalid_credentials');
    expectProblem(await signIn(person), 403, 'second_factor_required');
    expectProblem(await signIn(person, wrong(person.secret)), 403, 'wrong_code');
    expectProblem(await signIn(person, earlier(person.secret)), 403, 'wrong_code');
    const code = current(person.secret);
    expect((await signIn(person, `${code.slice(0, 3)} ${code.slice(3)}`)).status).toBe(200);
    expectProblem(await signIn(person, code), 403, 'wrong_code');
    expect((await signIn(person, later(person.secret))).status).toBe(200);
    const trail = await person.client.get('/v1/audit?action=session.begin&pageSize=100');
    expect(trail.json()).toMatchObject({
      entries: expect.arrayContaining([
        expect.objectContaining({ outcome: 'failed', detail: 'Wrong code of the second factor' }),
      ]),
    });
  });

  it('lets one of two simultaneous sign-ins with the same code in', async () => {
    const person = await withApp();
    const code = current(person.secret);
    const answers = await Promise.all([signIn(person, code), signIn(person, code)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403]);
  });

  it('gives way to a recovery code, once, however it is typed', async () => {
    const person = await withApp();
    const [code = '', other = ''] = person.recoveryCodes;
    expect((await signIn(person, code.toUpperCase().replaceAll('-', ' '))).status).toBe(200);
    expectProblem(await signIn(person, code), 403, 'wrong_code');
    expect((await person.client.get('/v1/me/totp')).json()).toMatchObject({ recoveryCodesLeft: 9 });
    const renewed = await person.client.post('/v1/me/totp/recovery-codes');
    const [next = ''] = renewed.json<{ recoveryCodes: string[] }>().recoveryCodes;
    expectProblem(await signIn(person, other), 403, 'wrong_code');
    expect((await signIn(person, next)).status).toBe(200);
    const trail = await person.client.get('/v1/audit?action=second_factor.codes');
    const outcomes = trail.json<{ entries: { outcome: string }[] }>().entries.map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['used', 'renewed', 'used']);
  });

  it('makes guessing at codes as slow as at passwords', async () => {
    const person = await withApp();
    for (let guess = 0; guess < 5; guess++)
      expectProblem(await signIn(person, wrong(person.secret)), 403, 'wrong_code');
    await signIn(person, wrong(person.secret));
    expectProblem(await signIn(person, current(person.secret)), 429, 'sign_in_delayed');
  });

  it('confirms a session of long ago, and is set up and removed only with a recent sign-in', async () => {
    const person = await withApp();
    const session = app.client.as((await signIn(person, current(person.secret))).json<Session>());
    await forgetUsed(person);
    await app.backends.rows(
      `UPDATE sessions SET confirmed_at = now() - interval '1 hour' WHERE user_id = $1`,
      [person.id],
    );
    await app.backends.settled();
    const remove = (): Promise<TestResponse> => session.delete('/v1/me/totp');
    expectProblem(await session.post('/v1/me/totp'), 403, 'recent_sign_in_required');
    expectProblem(await remove(), 403, 'recent_sign_in_required');
    const code = current(person.secret);
    expectProblem(await session.post('/v1/auth/confirm', { totp: wrong(person.secret) }), 403, 'wrong_code');
    expect((await session.post('/v1/auth/confirm', { totp: code })).status).toBe(200);
    expectProblem(await session.post('/v1/auth/confirm', { totp: code }), 403, 'wrong_code');
    expectProblem(await session.post('/v1/auth/confirm', {}), 400, 'validation_failed', ['/password']);
    expect((await remove()).status).toBe(204);
    expectProblem(await remove(), 404, 'totp_not_found');
    expect((await signIn(person)).status).toBe(200);
  });

  it(
    'is removed by an operator for somebody who has lost it, and all sessions end',
    async () => {
      const person = await withApp();
      const run = () => runCli(['users:remove-factors', String(person.id)], app.backends.env());
      expect(await run()).toMatchObject({ code: 0 });
      const { refreshToken } = person;
      expect((await app.client.post('/v1/auth/refresh', { refreshToken })).status).toBe(401);
      const session = await signIn(person);
      expect(session.status).toBe(200);
      const trail = await app.client.as(session.json<Session>()).get('/v1/audit?action=second_factor.remove');
      expect(trail.json()).toMatchObject({ entries: [{ actor: 'operator', outcome: 'removed' }] });
      expect(await run()).toMatchObject({ code: 1, stderr: `${person.email} has no second factor.\n` });
    },
    CLI_TIMEOUT_MS,
  );
});
