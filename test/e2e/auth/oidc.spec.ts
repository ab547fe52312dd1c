import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigurationError, loadConfig } from '../../../src/config/load-config.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { createPlatform, platformInput, register, signAccessToken, unique } from '../../support/factories.js';
import { FakeIssuer, type IssuedToken } from '../../support/fake-issuer.js';
import { expectProblem } from '../../support/problems.js';

interface Me {
  readonly id: number;
  readonly email: string;
  readonly role: string;
}

describe('OpenID provider', () => {
  let issuer: FakeIssuer;
  let backends: Backends;
  let app: TestApp;

  beforeAll(async () => {
    issuer = await FakeIssuer.start();
    backends = await Backends.create();
    app = await startTestApp({ backends, env: issuer.env() });
  });

  afterAll(async () => {
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
    await issuer.down();
  });

  const clientOf = async (token?: IssuedToken) => app.client.as({ accessToken: await issuer.sign(token) });
  const me = async (token?: IssuedToken) => (await (await clientOf(token)).get('/v1/me')).json<Me>();

  it('makes an account on first sight, the same for every later token of that subject', async () => {
    const claims = { sub: unique(), email: 'Grace@Example.org', email_verified: true };
    const first = await me({ claims });
    expect(first).toMatchObject({ id: expect.any(Number), email: 'grace@example.org', role: 'user' });
    expect(await me({ claims: { ...claims, email: 'new@example.org', jti: 'x' } })).toEqual(first);
    expect((await me({ claims: { ...claims, sub: unique() } })).id).not.toBe(first.id);
  });

  it('makes one account when the first requests come at once', async () => {
    const sub = unique();
    const clients = await Promise.all(
      Array.from({ length: 20 }, (_, n) => clientOf({ claims: { sub, jti: String(n) } })),
    );
    const answers = await Promise.all(clients.map((client) => client.get('/v1/me')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map((answer) => answer.json<Me>().id)).size).toBe(1);
  });

  it('never hands a local account to whoever has its address at the provider', async () => {
    const local = await register(app.client, backends.secrets);
    const { id, email } = await me({ claims: { sub: unique(), email: local.email, email_verified: true } });
    expect(id).not.toBe(local.id);
    expect(email).toMatch(/^[0-9a-f]{32}@oidc\.invalid$/);
  });

  it('serves people of the provider like others, each their own', async () => {
    const ada = await clientOf({ claims: { sub: unique() } });
    const eve = await clientOf({ claims: { sub: unique() } });
    const { id } = await createPlatform({ client: ada }, backends.secrets, platformInput(backends.secrets));
    expect((await ada.get(`/v1/platforms/${id}`)).status).toBe(200);
    expectProblem(await eve.get(`/v1/platforms/${id}`), 404, 'platform_not_found');
    expectProblem(await ada.get('/v1/admin/cache'), 403, 'forbidden');
  });

  it('takes no role from the token, but from the account', async () => {
    const sub = unique();
    const { id } = await me({ claims: { sub, role: 'admin', roles: ['admin'] } });
    expect((await me({ claims: { sub, role: 'admin', jti: '1' } })).role).toBe('user');
    await backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [id]);
    const admin = await clientOf({ claims: { sub, jti: '2' } });
    const isAdmin = async (): Promise<boolean> => (await admin.get('/v1/admin/cache')).status === 200;
    await waitUntil(isAdmin, { timeoutMs: 10_000, what: 'the role to be known' });
  });

  it('refuses forged tokens with 401 and makes no account for them', async () => {
    const accounts = () => backends.rows('SELECT id FROM users');
    const before = (await accounts()).length;
    const sub = unique();
    const tokens = [
      await issuer.signConfused({ sub }),
      await issuer.sign({ claims: { sub, aud: 'somebody' } }),
      await issuer.sign({ claims: { sub, iss: 'https://issuer.example' } }),
      await issuer.sign({ claims: { sub, exp: 1 } }),
      // Our own issuer's name with the provider's key, and the other way round.
      await issuer.sign({
        claims: { sub: '1', iss: 'platform-manager', aud: 'platform-manager', role: 'admin' },
      }),
      await signAccessToken(backends, 1, { issuer: issuer.url }),
    ];
    for (const accessToken of tokens) {
      expectProblem(await app.client.as({ accessToken }).get('/v1/me'), 401, 'unauthenticated');
    }
    expect(await accounts()).toHaveLength(before);
  });

  it('says 503 while the issuer is down, and local accounts still work', async () => {
    const other = await FakeIssuer.start();
    const alone = await startTestApp({ backends, env: other.env() });
    const accessToken = await other.sign();
    await other.down();
    const answer = await alone.client.as({ accessToken }).get('/v1/me');
    expectProblem(answer, 503, 'issuer_unavailable');
    expect(answer.header('retry-after')).toBe('2');
    const person = await register(alone.client, backends.secrets);
    expect((await person.client.get('/v1/me')).status).toBe(200);
    await alone.close();
  });

  it('switches local accounts off: no registration, log-in, refresh, or token issued before', async () => {
    const person = await register(app.client, backends.secrets);
    const strict = await startTestApp({
      backends,
      env: { ...issuer.env(), LOCAL_ACCOUNTS_ENABLED: 'false' },
    });
    const body = { email: person.email, password: person.password };
    for (const path of ['register', 'login']) {
      expectProblem(await strict.client.post(`/v1/auth/${path}`, body), 403, 'local_accounts_disabled');
    }
    const refresh = await strict.client.post('/v1/auth/refresh', { refreshToken: person.refreshToken });
    expectProblem(refresh, 403, 'local_accounts_disabled');
    expectProblem(await strict.client.as(person).get('/v1/me'), 401, 'unauthenticated');
    const accessToken = await issuer.sign({ claims: { sub: unique() } });
    expect((await strict.client.as({ accessToken }).get('/v1/me')).status).toBe(200);
    await strict.close();
  });

  describe('configuration', () => {
    const production = {
      NODE_ENV: 'production',
      DATABASE_URL: 'postgres://db.example/pm',
      REDIS_URL: 'redis://redis.example',
      PLATFORM_ENCRYPTION_KEY: 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=',
    };
    const oidc = { OIDC_ISSUER: 'https://issuer.example', OIDC_AUDIENCE: 'pm' };
    const problemsOf = (env: Record<string, string>): string => {
      try {
        loadConfig(env);
        return '';
      } catch (error) {
        return error instanceof ConfigurationError ? error.problems.join('\n') : String(error);
      }
    };

    it('wants JWT_SECRET or OIDC_ISSUER in production; without the secret there are no local accounts', () => {
      expect(problemsOf(production)).toMatch(/^JWT_SECRET: is required/);
      expect(loadConfig({ ...production, ...oidc }).localAccountsEnabled).toBe(false);
      expect(
        loadConfig({ ...production, ...oidc, JWT_SECRET: 'a signing secret of its own, 1234' })
          .localAccountsEnabled,
      ).toBe(true);
      expect(problemsOf({ ...production, ...oidc, LOCAL_ACCOUNTS_ENABLED: 'true' })).toMatch(/^JWT_SECRET/);
    });

    it.each<[Record<string, string>, RegExp]>([
      [{ OIDC_ISSUER: 'https://issuer.example' }, /^OIDC_AUDIENCE: is required/],
      [{ OIDC_AUDIENCE: 'pm' }, /^OIDC_ISSUER: is required/],
      [{ LOCAL_ACCOUNTS_ENABLED: 'false' }, /^OIDC_ISSUER: is required/],
      [{ ...oidc, OIDC_ISSUER: 'issuer.example' }, /^OIDC_ISSUER: must be/],
      [{ ...oidc, OIDC_ISSUER: 'https://issuer.example?x' }, /^OIDC_ISSUER: must be/],
      [{ ...oidc, OIDC_ISSUER: 'https://user:pw@issuer.example' }, /^OIDC_ISSUER: must be/],
      [{ ...production, ...oidc, OIDC_ISSUER: 'http://issuer.example' }, /^OIDC_ISSUER: must be an https/],
    ])('refuses %j', (env, problem) => {
      expect(problemsOf({ PLATFORM_ENCRYPTION_KEY: production.PLATFORM_ENCRYPTION_KEY, ...env })).toMatch(
        problem,
      );
    });
  });
});
