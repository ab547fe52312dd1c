import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, createPlatform, register, unique } from '../../support/factories.js';
import { HttpClient, type TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';
import { reveal } from '../../support/reveal.js';

const PASSED = { timeoutMs: 10_000, intervalMs: 20, what: 'the processes to know' };

let app: TestApp;
let other: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  other = await startTestApp({ backends: app.backends });
});
afterAll(async () => {
  await other.close();
  await app.close();
});

const makeKey = ({ client }: Pick<Person, 'client'>, scopes = ['credentials:read']): Promise<TestResponse> =>
  client.post('/v1/api-keys', { name: unique(), scopes });
const confirm = ({ client }: Person, password: string): Promise<TestResponse> =>
  client.post('/v1/auth/confirm', { password });
const at = (person: Person, { baseUrl }: TestApp): Person => ({
  ...person,
  client: new HttpClient(baseUrl, app.backends.exchanges, app.backends.secrets).as(person),
});
/** As if the person had signed in long ago; every process knows when this returns. */
async function signedInLongAgo(person: Person): Promise<void> {
  await app.backends.rows(
    `UPDATE sessions SET confirmed_at = now() - interval '11 minutes' WHERE user_id = $1`,
    [person.id],
  );
  for (const here of [app, other])
    await waitUntil(async () => (await makeKey(at(person, here))).status === 403, PASSED);
}

describe('POST /v1/auth/confirm', () => {
  it('opens for ten minutes what a sign-in of long ago does not, at every process at once', async () => {
    const person = await register(app.client, app.backends.secrets);
    const { id } = await createPlatform(person, app.backends.secrets);
    expect((await makeKey(person)).status).toBe(201);
    await signedInLongAgo(person);
    expectProblem(await makeKey(person), 403, 'recent_sign_in_required');
    expectProblem(await reveal(person, id), 403, 'recent_sign_in_required');
    expect((await person.client.get('/v1/platforms')).status).toBe(200);

    const answer = await confirm(person, person.password);
    expect(answer.status).toBe(200);
    expect(answer.header('cache-control')).toBe('no-store');
    const { confirmedUntil, accessToken } = answer.json<{ confirmedUntil: string; accessToken: string }>();
    expect(Math.round((Date.parse(confirmedUntil) - Date.now()) / 60_000)).toBe(10);
    for (const here of [other, app]) expect((await makeKey(at(person, here))).status).toBe(201);
    expect((await reveal(person, id)).status).toBe(200);
    expect((await makeKey({ client: app.client.as({ accessToken }) })).status).toBe(201);
    expect((await person.client.get('/v1/audit?action=session.confirm')).json()).toMatchObject({
      entries: [{ outcome: 'done', actor: 'user', userId: person.id }],
    });
    await signedInLongAgo(person);
    expectProblem(await makeKey(person), 403, 'recent_sign_in_required');
  });

  it('confirms its own session only', async () => {
    const person = await register(app.client, app.backends.secrets);
    const { email, password } = person;
    const phone = app.client.as((await app.client.post('/v1/auth/login', { email, password })).json());
    await signedInLongAgo(person);
    expect((await confirm(person, password)).status).toBe(200);
    expect((await makeKey(person)).status).toBe(201);
    expectProblem(await makeKey({ client: phone }), 403, 'recent_sign_in_required');
  });

  it('needs the password, and makes guessing at it slow', async () => {
    const person = await register(app.client, app.backends.secrets);
    await signedInLongAgo(person);
    for (let guess = 0; guess < 5; guess++)
      expectProblem(await confirm(person, app.backends.secrets.make('guess')), 403, 'wrong_password');
    await confirm(person, app.backends.secrets.make('guess'));
    expectProblem(await confirm(person, person.password), 429, 'sign_in_delayed');
    expectProblem(await makeKey(person), 403, 'recent_sign_in_required');
    expect((await person.client.get('/v1/audit?action=session.confirm')).json()).toMatchObject({
      entries: expect.arrayContaining([expect.objectContaining({ outcome: 'failed' })]),
    });
  });

  it('is no affair of API keys: they reveal as their scopes say', async () => {
    const person = await register(app.client, app.backends.secrets);
    const { id } = await createPlatform(person, app.backends.secrets);
    const { key } = (await makeKey(person)).json<{ key: string }>();
    await signedInLongAgo(person);
    expect((await reveal({ client: person.client, accessToken: key }, id)).status).toBe(200);
    const worker = app.client.as({ accessToken: key });
    expectProblem(await worker.post('/v1/auth/confirm', { password: person.password }), 403, 'forbidden');
  });
});
