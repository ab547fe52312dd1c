import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { type Figure, expectBestRound } from '../../support/best-round.js';
import { type Person, register, type Session, signAccessToken, unique } from '../../support/factories.js';
import { expectProblem, withoutOccurrence } from '../../support/problems.js';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const newPerson = (): Promise<Person> => register(app.client, app.backends.secrets);
const newPassword = (): string => app.backends.secrets.make('password');

describe('POST /v1/auth/register', () => {
  it('creates the account, signs it in, and says so in the shape of the contract', async () => {
    const email = `Ada-${unique()}@Example.org`;
    const answer = await app.client.post('/v1/auth/register', {
      email: ` ${email} `,
      password: newPassword(),
    });
    expect(answer.status).toBe(201);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.json()).toEqual({
      user: { id: expect.any(Number), email: email.toLowerCase(), role: 'user' },
      accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      refreshToken: expect.stringMatching(/^[\w-]{43}$/),
      tokenType: 'Bearer',
      expiresIn: 900,
    });
  });

  it('refuses an address that is taken with 409, whatever its case', async () => {
    const { email } = await newPerson();
    const again = { email: email.toUpperCase(), password: newPassword() };
    expectProblem(await app.client.post('/v1/auth/register', again), 409, 'email_taken');
  });

  it('gives one of two simultaneous registrations the address and the other 409', async () => {
    const body = { email: `twin-${unique()}@example.org`, password: newPassword() };
    const answers = await Promise.all([0, 1].map(() => app.client.post('/v1/auth/register', body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  const valid = { email: 'x@example.org', password: 'twelve-chars' };
  it.each([
    ['a password of 11 characters', { ...valid, password: 'x'.repeat(11) }, ['/password']],
    ['a password of 129 characters', { ...valid, password: 'x'.repeat(129) }, ['/password']],
    ['an address that is none', { ...valid, email: 'nobody' }, ['/email']],
    ['an unknown field', { ...valid, role: 'admin' }, ['/role']],
    ['fields of other types', { email: 1, password: {} }, ['/email', '/password']],
    ['nothing', {}, ['/email', '/password']],
  ])('refuses %s with 400 that points to it', async (_, body, pointers) => {
    expectProblem(await app.client.post('/v1/auth/register', body), 400, 'validation_failed', pointers);
  });
});

describe('POST /v1/auth/login', () => {
  it('answers with a session of the account', async () => {
    const { id, email, password } = await newPerson();
    const answer = await app.client.post('/v1/auth/login', { email: email.toUpperCase(), password });
    expect(answer.status).toBe(200);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.json<Session>().user).toEqual({ id, email, role: 'user' });
  });

  it('gives a wrong password and an unknown address the same 401', async () => {
    const { email } = await newPerson();
    const password = newPassword();
    const wrong = await app.client.post('/v1/auth/login', { email, password });
    const unknown = await app.client.post('/v1/auth/login', {
      email: `no-${unique()}@example.org`,
      password,
    });
    expectProblem(wrong, 401, 'invalid_credentials');
    expect(wrong.header('www-authenticate')).toMatch(/^Bearer /);
    expect(withoutOccurrence(unknown)).toBe(withoutOccurrence(wrong));
  });

  it('takes as long for an unknown address, and for an account without a password, as for a wrong password', () =>
    expectBestRound(async () => {
      const { email } = await newPerson();
      const withoutPassword = `oidc-${unique()}@example.org`;
      await app.backends.rows('INSERT INTO users (email) VALUES ($1)', [withoutPassword]);
      const cases = [email, `no-${unique()}@example.org`, withoutPassword];
      // Alternating, and the shortest of several, for a busy machine. An answer without the hash takes a tenth.
      const shortest = cases.map(() => Infinity);
      for (let attempt = 0; attempt < 5; attempt++) {
        for (const [index, candidate] of cases.entries()) {
          const started = performance.now();
          const answer = await app.client.post('/v1/auth/login', {
            email: candidate,
            password: newPassword(),
          });
          shortest[index] = Math.min(shortest[index] ?? Infinity, performance.now() - started);
          expectProblem(answer, 401, 'invalid_credentials');
        }
      }
      const [known = NaN, ...others] = shortest;
      return others.map((other): Figure => {
        const percent = 100 * Math.max(other / known, known / other);
        return { what: 'the longer in per cent of the shorter', value: percent, limit: 200 };
      });
    }));

  it('points to what is missing', async () => {
    expectProblem(
      await app.client.post('/v1/auth/login', { email: 'a@example.org' }),
      400,
      'validation_failed',
      ['/password'],
    );
  });
});

describe('POST /v1/auth/refresh', () => {
  const refresh = (refreshToken: string) => app.client.post('/v1/auth/refresh', { refreshToken });

  it('removes what expired more than a day ago, so that a session that is renewed for ever does not add up', async () => {
    const person = await newPerson();
    let { refreshToken } = person;
    for (let n = 0; n < 3; n += 1) refreshToken = (await refresh(refreshToken)).json<Session>().refreshToken;
    await app.backends.rows(
      `UPDATE refresh_tokens SET expires_at = now() - interval '25 hours' WHERE user_id = $1 AND used_at IS NOT NULL`,
      [person.id],
    );
    expect((await refresh(refreshToken)).status).toBe(200);
    const kept = await app.backends.rows('SELECT 1 FROM refresh_tokens WHERE user_id = $1', [person.id]);
    expect(kept).toHaveLength(2);
  });

  it('exchanges the token for new ones that work', async () => {
    const person = await newPerson();
    const answer = await refresh(person.refreshToken);
    expect(answer.status).toBe(200);
    const renewed = answer.json<Session>();
    expect(renewed.refreshToken).not.toBe(person.refreshToken);
    expect((await app.client.as(renewed).get('/v1/me')).status).toBe(200);
    expect((await refresh(renewed.refreshToken)).status).toBe(200);
  });

  it('ends the session when a token is used again', async () => {
    const person = await newPerson();
    const renewed = (await refresh(person.refreshToken)).json<Session>();
    expectProblem(await refresh(person.refreshToken), 401, 'invalid_refresh_token');
    expectProblem(await refresh(renewed.refreshToken), 401, 'invalid_refresh_token');
  });

  it('lets at most one of twenty simultaneous exchanges through, and none of their tokens survives', async () => {
    const { refreshToken } = await newPerson();
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(refreshToken)));
    const won = answers.filter(({ status }) => status === 200);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(19);
    expectProblem(await refresh(won[0]?.json<Session>().refreshToken ?? ''), 401, 'invalid_refresh_token');
  });

  it('refuses an unknown token like a used one, and an expired one', async () => {
    const { refreshToken, id } = await newPerson();
    const unknown = await refresh(newPassword());
    expectProblem(unknown, 401, 'invalid_refresh_token');
    await app.backends.sql.query('UPDATE refresh_tokens SET expires_at = now() WHERE user_id = $1', [id]);
    expect(withoutOccurrence(await refresh(refreshToken))).toBe(withoutOccurrence(unknown));
  });

  it('points to what is missing', async () => {
    expectProblem(await app.client.post('/v1/auth/refresh', {}), 400, 'validation_failed', ['/refreshToken']);
  });
});

describe('POST /v1/auth/logout', () => {
  it('ends the session, and answers the same for a token that is not known', async () => {
    const { refreshToken } = await newPerson();
    const answer = await app.client.post('/v1/auth/logout', { refreshToken });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expectProblem(await app.client.post('/v1/auth/refresh', { refreshToken }), 401, 'invalid_refresh_token');
    expect((await app.client.post('/v1/auth/logout', { refreshToken: newPassword() })).status).toBe(204);
    expectProblem(await app.client.post('/v1/auth/logout', {}), 400, 'validation_failed', ['/refreshToken']);
  });
});

describe('GET /v1/me', () => {
  it('answers with the caller', async () => {
    const { id, email, client } = await newPerson();
    expect((await client.get('/v1/me')).json()).toEqual({ id, email, role: 'user', emailVerified: false });
  });

  it.each([
    ['no token', () => Promise.resolve(undefined)],
    ['an expired token', (id: number) => signAccessToken(app.backends, id, { expiresInSeconds: -1 })],
    ['another issuer', (id: number) => signAccessToken(app.backends, id, { issuer: 'somebody' })],
    ['another key', (id: number) => signAccessToken(app.backends, id, { secret: 'x'.repeat(40) })],
    ['the time before a restore', (id: number) => signAccessToken(app.backends, id, { epoch: 0 })],
    [
      'a session that never was',
      (id: number) => signAccessToken(app.backends, id, { sessionId: 2_000_000_000 }),
    ],
    ['a subject that is no id', (id: number) => signAccessToken(app.backends, id, { subject: '1 OR 1=1' })],
    ['an account that is gone', () => signAccessToken(app.backends, 2_000_000_000)],
    ['no JWT at all', () => Promise.resolve('gibberish')],
  ])('refuses %s with 401 and a challenge', async (_, makeToken) => {
    const { id } = await newPerson();
    const token = await makeToken(id);
    const client = token === undefined ? app.client : app.client.as({ accessToken: token });
    const answer = await client.get('/v1/me');
    expectProblem(answer, 401, 'unauthenticated');
    expect(answer.header('www-authenticate')).toMatch(/^Bearer realm=/);
  });

  it('stops believing a token, remembered or not, when its time is over', async () => {
    const { id } = await newPerson();
    const accessToken = await signAccessToken(app.backends, id, { expiresInSeconds: 5 });
    const client = app.client.as({ accessToken });
    expect((await client.get('/v1/me')).status).toBe(200);
    const { exp } = JSON.parse(atob(accessToken.split('.')[1] ?? '')) as { exp: number };
    const refused = async (): Promise<boolean> => (await client.get('/v1/me')).status === 401;
    await waitUntil(refused, { timeoutMs: 20_000, what: 'the token to be refused' });
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
  });
});
