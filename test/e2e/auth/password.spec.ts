import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { type Person, type Session, register, signAccessToken, unique } from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const newPerson = (): Promise<Person> => register(app.client, app.backends.secrets);
const newPassword = (): string => app.backends.secrets.make('password');
const signIn = (email: string, password: string): Promise<TestResponse> =>
  app.client.post('/v1/auth/login', { email, password });
const refresh = ({ refreshToken }: Session) => app.client.post('/v1/auth/refresh', { refreshToken });
const change = ({ client }: Person, currentPassword: string, next: string): Promise<TestResponse> =>
  client.request('PUT', '/v1/me/password', { body: { currentPassword, newPassword: next } });

describe('PUT /v1/me/password', () => {
  it('replaces the password, ends all other sessions, and lets its own go on', async () => {
    const person = await newPerson();
    const other = (await signIn(person.email, person.password)).json<Session>();
    const next = newPassword();
    expect(await change(person, person.password, next)).toMatchObject({ status: 204, text: '' });

    expectProblem(await signIn(person.email, person.password), 401, 'invalid_credentials');
    expect((await signIn(person.email, next)).status).toBe(200);
    expectProblem(await app.client.as(other).get('/v1/platforms'), 401, 'unauthenticated');
    expectProblem(await refresh(other), 401, 'invalid_refresh_token');
    expect((await person.client.get('/v1/platforms')).status).toBe(200);
    expect((await refresh(person)).status).toBe(200);
    expect((await person.client.get('/v1/audit?action=account.password')).json()).toMatchObject({
      entries: [{ actor: 'user', outcome: 'changed', userId: person.id }],
    });
  });

  it('needs the current password, and makes guessing at it slow', async () => {
    const person = await newPerson();
    for (let guess = 0; guess < 5; guess++) {
      expectProblem(await change(person, newPassword(), newPassword()), 403, 'wrong_password');
    }
    await change(person, newPassword(), newPassword());
    const delayed = await change(person, person.password, newPassword());
    expectProblem(delayed, 429, 'sign_in_delayed');
    expect(Number(delayed.header('retry-after'))).toBeGreaterThan(0);
    expect((await person.client.get('/v1/audit?action=account.password')).json()).toMatchObject({
      entries: expect.arrayContaining([expect.objectContaining({ outcome: 'failed', userId: person.id })]),
    });
  });

  it.each([
    ['a password that is easy to guess', 'password1234', '/newPassword'],
    ['one of 11 characters', 'x'.repeat(11), '/newPassword'],
  ])('refuses %s with 400 that points to it', async (_what, next, pointer) => {
    const person = await newPerson();
    expectProblem(await change(person, person.password, next), 400, 'validation_failed', [pointer]);
    expect((await signIn(person.email, person.password)).status).toBe(200);
  });

  it('lets one of two simultaneous changes through', async () => {
    const person = await newPerson();
    const answers = await Promise.all([0, 1].map(() => change(person, person.password, newPassword())));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 403]);
  });

  it('leaves no session to a sign-in with the old password that runs beside it', async () => {
    for (let round = 0; round < 5; round++) {
      const person = await newPerson();
      // With the change, fewer attempts at once than cost a wait.
      const begun = Array.from({ length: 2 }, () => signIn(person.email, person.password));
      expect((await change(person, person.password, newPassword())).status).toBe(204);
      for (const answer of await Promise.all(begun)) {
        if (answer.status !== 200) expectProblem(answer, 401, 'invalid_credentials');
        else expectProblem(await refresh(answer.json<Session>()), 401, 'invalid_refresh_token');
      }
      expect((await refresh(person)).status).toBe(200);
    }
  });

  it('has nothing to compare with for somebody of an OpenID provider', async () => {
    const [user] = await app.backends.rows<{ id: number }>(
      `INSERT INTO users (email, oidc_issuer, oidc_subject) VALUES ($1, 'https://id.example', $1) RETURNING id`,
      [`${unique()}@example.org`],
    );
    const accessToken = await signAccessToken(app.backends, user?.id ?? 0);
    const body = { currentPassword: newPassword(), newPassword: newPassword() };
    const answer = await app.client.as({ accessToken }).request('PUT', '/v1/me/password', { body });
    expectProblem(answer, 403, 'wrong_password');
  });
});
