import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, register, unique } from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { MailServer } from '../../support/mail-server.js';
import { expectProblem } from '../../support/problems.js';

let mails: MailServer;
let app: TestApp;

beforeAll(async () => {
  mails = await MailServer.start();
  app = await startTestApp({ env: mails.env() });
});
afterAll(async () => {
  await app.close();
  await mails.close();
});

const newPerson = (): Promise<Person> => register(app.client, app.backends.secrets);
const newAddress = (): string => `${unique()}@example.org`;
const request = ({ client }: Person, email: string): Promise<TestResponse> =>
  client.request('PUT', '/v1/me/email', { body: { email } });
const confirm = (token: string): Promise<TestResponse> => app.client.post('/v1/auth/change-email', { token });
const tokenTo = (address: string, count = 1): Promise<string> => mails.token('change-email', address, count);
const signIn = (email: string, password: string): Promise<TestResponse> =>
  app.client.post('/v1/auth/login', { email, password });

describe('PUT /v1/me/email', () => {
  it.each([
    ['the old address first', 0],
    ['the new address first', 1],
  ])('changes the address once both have confirmed it: %s', async (_what, first) => {
    const person = await newPerson();
    const next = newAddress();
    expect((await request(person, ` ${next.toUpperCase()} `)).status).toBe(202);
    const tokens = [await tokenTo(person.email), await tokenTo(next)];
    const [one = '', other = ''] = first === 0 ? tokens : tokens.toReversed();
    expect((await confirm(one)).json()).toEqual({ changed: false });
    expectProblem(await confirm(one), 400, 'invalid_link');
    expect((await person.client.get('/v1/me')).json()).toMatchObject({ email: person.email });
    expect((await confirm(other)).json()).toEqual({ changed: true });
    expectProblem(await confirm(other), 400, 'invalid_link');

    expect((await person.client.get('/v1/me')).json()).toMatchObject({ email: next, emailVerified: true });
    expectProblem(await signIn(person.email, person.password), 401, 'invalid_credentials');
    expect((await signIn(next, person.password)).status).toBe(200);
    const trail = await person.client.get('/v1/audit?action=account.email');
    expect(trail.json()).toMatchObject({
      entries: [
        { outcome: 'changed', actor: 'user' },
        { outcome: 'requested', actor: 'user' },
      ],
    });
  });

  it('voids the links of a change that was asked for before', async () => {
    const person = await newPerson();
    const [first, second] = [newAddress(), newAddress()];
    await request(person, first);
    const before = [await tokenTo(person.email), await tokenTo(first)];
    await request(person, second);
    await tokenTo(person.email, 2);
    for (const token of before) expectProblem(await confirm(token), 400, 'invalid_link');
    for (const address of [person.email, second])
      expect((await confirm(await tokenTo(address))).status).toBe(200);
    expect((await person.client.get('/v1/me')).json()).toMatchObject({ email: second });
  });

  it('refuses an address that has an account, also if it got one in the meantime', async () => {
    const person = await newPerson();
    expectProblem(await request(person, (await newPerson()).email), 409, 'email_taken');
    const next = newAddress();
    await request(person, next);
    await confirm(await tokenTo(person.email));
    const token = await tokenTo(next);
    await app.client.post('/v1/auth/register', {
      email: next,
      password: app.backends.secrets.make('password'),
    });
    expectProblem(await confirm(token), 409, 'email_taken');
    expect((await person.client.get('/v1/me')).json()).toMatchObject({ email: person.email });
  });

  it('is over after a day', async () => {
    const person = await newPerson();
    const next = newAddress();
    await request(person, next);
    const token = await tokenTo(next);
    await app.backends.rows(
      `UPDATE email_changes SET requested_at = now() - interval '25 hours' WHERE user_id = $1`,
      [person.id],
    );
    expectProblem(await confirm(token), 400, 'invalid_link');
  });

  it('needs a recent sign-in', async () => {
    const person = await newPerson();
    await app.backends.rows(
      `UPDATE sessions SET confirmed_at = now() - interval '1 hour' WHERE user_id = $1`,
      [person.id],
    );
    let last: TestResponse | undefined;
    await waitUntil(async () => (last = await request(person, newAddress())).status === 403, {
      ...{ timeoutMs: 10_000, intervalMs: 50, what: 'the process to know' },
    });
    if (last !== undefined) expectProblem(last, 403, 'recent_sign_in_required');
  });
});
