import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { register, unique } from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({ env: { TRUST_PROXY: '127.0.0.1' } });
});
afterAll(() => app.close());

const WRONG = 'a wrong password for it';
const address = (n: number): string => `198.51.${Math.floor(n / 200)}.${1 + (n % 200)}`;

function logIn(email: string, password: string, from: string): Promise<TestResponse> {
  return app.client.request('POST', '/v1/auth/login', {
    body: { email, password },
    headers: { 'X-Forwarded-For': from },
  });
}

async function guess(email: string, times: number, from: string): Promise<TestResponse[]> {
  const answers = [];
  for (let n = 0; n < times; n++) answers.push(await logIn(email, WRONG, from));
  return answers;
}

/** As if the last failures of an account's name had been so long ago. */
const wait = (seconds: number): Promise<unknown> =>
  app.backends.rows(`UPDATE sign_ins SET failed_at = failed_at - make_interval(secs => $1)`, [seconds]);

const retryAfter = (answer: TestResponse): number => Number(answer.header('retry-after'));

describe('failed sign-ins', () => {
  it('cost more and more time, for the right password too, until one succeeds', async () => {
    const { email, password } = await register(app.client, app.backends.secrets);
    const from = address(1);
    for (const answer of await guess(email, 5, from)) expectProblem(answer, 401, 'invalid_credentials');
    const waits: number[] = [];
    for (const seconds of [1, 2, 4, 8]) {
      await app.backends.rows('UPDATE sign_ins SET failed_at = now()');
      const refused = await logIn(email, password, from);
      expectProblem(refused, 429, 'sign_in_delayed');
      waits.push(retryAfter(refused));
      await wait(seconds);
      expectProblem(await logIn(email, WRONG, from), 401, 'invalid_credentials');
    }
    expect(waits).toEqual([1, 2, 4, 8]);
    await wait(16);
    expect((await logIn(email, password, from)).status).toBe(200);
    expectProblem(await logIn(email, WRONG, from), 401, 'invalid_credentials');
    expect((await logIn(email, password, from)).status).toBe(200);
  });

  it('cost nothing while they are few, even if one that began later was counted first', async () => {
    const { email, password } = await register(app.client, app.backends.secrets);
    const from = address(5);
    await guess(email, 1, from);
    await app.backends.rows(`UPDATE sign_ins SET failed_at = now() + interval '1 second'`);
    expect((await logIn(email, password, from)).status).toBe(200);
  });

  it('never cost more than a quarter of an hour', async () => {
    const email = `${unique()}@example.org`;
    await guess(email, 1, address(2));
    await app.backends.rows('UPDATE sign_ins SET failures = 1000000, failed_at = now() WHERE address = $1', [
      address(2),
    ]);
    const refused = await logIn(email, WRONG, address(2));
    expect([refused.status, retryAfter(refused)]).toEqual([429, 900]);
  });

  it('of many at once count all: none of them is free', async () => {
    const email = `${unique()}@example.org`;
    const answers = await Promise.all(Array.from({ length: 20 }, () => logIn(email, WRONG, address(3))));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(6);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(14);
  });

  it('look the same for an account that does not exist', async () => {
    const { email } = await register(app.client, app.backends.secrets);
    const [real, absent] = [
      await guess(email, 7, address(4)),
      await guess(`${unique()}@example.org`, 7, address(4)),
    ];
    const shown = (answers: TestResponse[]) =>
      answers.map((answer) => [answer.status, answer.json<{ detail: string }>().detail, retryAfter(answer)]);
    expect(shown(real)).toEqual(shown(absent));
  });

  it('by many addresses shut out new places, and never where the owner was before, nor other accounts', async () => {
    const owner = await register(app.client, app.backends.secrets);
    const home = address(5);
    expect((await logIn(owner.email, owner.password, home)).status).toBe(200);
    const statuses: number[] = [];
    for (let n = 0; n < 80; n++) {
      await app.backends.rows('UPDATE sign_ins SET failed_at = now()');
      statuses.push((await logIn(owner.email, WRONG, address(100 + Math.floor(n / 4)))).status);
    }
    expect(statuses.slice(0, 50).every((status) => status === 401)).toBe(true);
    expect(statuses.slice(-10)).toEqual(Array.from({ length: 10 }, () => 429));
    expectProblem(await logIn(owner.email, owner.password, address(6)), 429, 'sign_in_delayed');
    expect((await logIn(owner.email, owner.password, home)).status).toBe(200);
    const other = await register(app.client, app.backends.secrets);
    expect((await logIn(other.email, other.password, address(119))).status).toBe(200);
    await wait(900);
    expect((await logIn(owner.email, owner.password, address(6))).status).toBe(200);
  });

  it('are counted by a whole IPv6 network', async () => {
    const email = `${unique()}@example.org`;
    for (let n = 0; n < 5; n++) await logIn(email, WRONG, `2001:db8:1:1::${n + 1}`);
    expectProblem(await logIn(email, WRONG, '2001:db8:1:1:ffff::9'), 429, 'sign_in_delayed');
    expectProblem(await logIn(email, WRONG, '2001:db8:1:2::1'), 401, 'invalid_credentials');
  });
});

describe('a registration', () => {
  it.each(['password1234', 'aaaaaaaaaaaa', 'qwertyuiopas'])(
    'is refused with the password %j, by its field',
    async (password) => {
      const email = `${unique()}@example.org`;
      const answer = await app.client.post('/v1/auth/register', { email, password });
      expectProblem(answer, 400, 'validation_failed');
      expect(answer.json<{ errors: { pointer: string }[] }>().errors.map(({ pointer }) => pointer)).toEqual([
        '/password',
      ]);
      expectProblem(await logIn(email, password, address(7)), 401, 'invalid_credentials');
    },
  );
});
