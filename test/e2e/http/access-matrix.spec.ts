import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UnsecuredJWT } from 'jose';
import { createOpenApiDocument } from '../../../src/app.setup.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { SCOPES, type Scope } from '../../../src/http/auth/auth-user.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import {
  type Person,
  type PlatformJson,
  type Session,
  createPlatform,
  insertSessions,
  register,
  signAccessToken,
} from '../../support/factories.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeIssuer } from '../../support/fake-issuer.js';
import { HttpClient, type TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';
import { ACCESS_ROWS, type AccessRow, type RowRequest } from './access-rows.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
/** Bookkeeping that any request may write, or a background job at any time. */
const VOLATILE = [
  'last_used',
  'last_used_at',
  'last_active_at',
  'drained_at',
  'used_at',
  'event_id',
  'last_event_id',
];

describe('access matrix', () => {
  let issuer: FakeIssuer;
  let instance: FakeInstance;
  let backends: Backends;
  let app: TestApp;
  let owner: Person;
  let stranger: Person;
  let admin: Person;
  let neighbour: Person;
  let adminKey: string;
  /** The one connection of a key that is limited to it and has all scopes. */
  let permitted: PlatformJson;
  let limitedKey: string;
  /** Bearer tokens that name nobody, by what is wrong with them. */
  let worthless: Record<string, string>;
  const keys = new Map<string, string>();

  beforeAll(async () => {
    issuer = await FakeIssuer.start('RS256');
    backends = await Backends.create();
    instance = await startFakeInstance('mastodon');
    app = await startTestApp({
      backends,
      env: { ...issuer.env(), INSTANCE_HOST_ALLOWLIST: instance.host },
    });
    owner = await register(app.client, backends.secrets);
    stranger = await register(app.client, backends.secrets);
    neighbour = await register(app.client, backends.secrets);
    admin = await register(app.client, backends.secrets);
    await backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [admin.id]);
    const session = await app.client.post('/v1/auth/login', { email: admin.email, password: admin.password });
    const signedIn = session.json<Session>();
    admin = { ...admin, ...signedIn, client: app.client.as(signedIn) };
    for (const scope of SCOPES) {
      keys.set(`only ${scope}`, (await makeKey([scope])).key);
      keys.set(`all but ${scope}`, (await makeKey(SCOPES.filter((other) => other !== scope))).key);
    }
    adminKey = (await makeKey(SCOPES, admin)).key;
    keys.set('all', (await makeKey(SCOPES)).key);
    permitted = await createPlatform(owner, backends.secrets);
    await createPlatform(owner, backends.secrets);
    limitedKey = (await makeKey(SCOPES, owner, { platformIds: [permitted.id] })).key;
    worthless = await makeWorthless();
  });

  afterAll(async () => {
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
    await issuer.down();
    await instance.close();
  });

  async function makeKey(
    scopes: readonly Scope[],
    of = owner,
    policy?: object,
  ): Promise<{ id: number; key: string }> {
    return (await of.client.post('/v1/api-keys', { name: 'matrix', scopes, policy })).json();
  }

  async function makeWorthless(): Promise<Record<string, string>> {
    const revoked = await makeKey(SCOPES);
    await app.client.as({ accessToken: revoked.key }).get('/v1/platforms');
    await owner.client.delete(`/v1/api-keys/${revoked.id}`);
    const expired = await makeKey(SCOPES);
    await backends.rows(`UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = $1`, [
      expired.id,
    ]);
    const [session = 0] = await insertSessions(backends, [owner.id]);
    const ours = { iss: 'platform-manager', aud: 'platform-manager', epoch: 1 };
    const claims = { ...ours, sub: String(owner.id), sid: String(session) };
    const now = Math.floor(Date.now() / 1000);
    const lasting = { ...claims, iat: now, exp: now + 900 };
    return {
      'a revoked key': revoked.key,
      'an expired key': expired.key,
      'a key with another secret': `${revoked.key.slice(0, 13)}${expired.key.slice(13)}`,
      'an expired token': await signAccessToken(backends, admin.id, { expiresInSeconds: -60 }),
      'a token of another issuer': await signAccessToken(backends, admin.id, { issuer: 'https://x' }),
      'a token of another secret': await signAccessToken(backends, admin.id, { secret: 'x'.repeat(48) }),
      'alg none': new UnsecuredJWT(lasting).encode(),
      'alg none, of the provider': new UnsecuredJWT(issuer.claims()).encode(),
      'HMAC with the public key of the provider': await issuer.signConfused(),
      "the provider's key with our claims": await issuer.sign({ claims: lasting }),
      "the provider's token for another audience": await issuer.sign({ claims: { aud: 'x' } }),
      'an expired token of the provider': await issuer.sign({ claims: { exp: 1 } }),
      nonsense: 'nonsense',
    };
  }

  const unrecorded = () => new HttpClient(app.baseUrl, [], backends.secrets);
  const send = (route: string, { path, body }: RowRequest, accessToken?: string): Promise<TestResponse> => {
    const recorded = ACCESS_ROWS[route]?.secret === true ? unrecorded() : app.client;
    const client = accessToken === undefined ? recorded : recorded.as({ accessToken });
    return client.request(route.split(' ')[0] ?? '', path, { body });
  };

  /** Of every row of every table, without what changes by itself. */
  async function digest(): Promise<Record<string, string>> {
    const tables = await backends.rows<{ name: string }>(
      `SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
    );
    const digests: Record<string, string> = {};
    for (const { name } of tables) {
      const [row] = await backends.rows<{ digest: string }>(
        `SELECT md5(coalesce(string_agg(text, '|' ORDER BY text), '')) AS digest
         FROM (SELECT (to_jsonb(t) - $1::text[])::text AS text FROM ${name} t) rows`,
        [VOLATILE],
      );
      digests[name] = row?.digest ?? '';
    }
    return digests;
  }

  it('has a row for every route of the OpenAPI document, and no row without a route', async () => {
    const document = await createOpenApiDocument(loadConfig(backends.env()));
    const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
      METHODS.filter((method) => operations[method] !== undefined).map(
        (method) => `${method.toUpperCase()} ${path}`,
      ),
    );
    expect(Object.keys(ACCESS_ROWS).sort()).toEqual(routes.sort());
    for (const [route, { needs }] of Object.entries(ACCESS_ROWS)) {
      const [method = '', path = ''] = route.split(' ');
      const operation = document.paths[path]?.[method.toLowerCase() as 'get'];
      expect({ route, closed: (operation?.security ?? []).length > 0 }).toEqual({
        route,
        closed: needs !== 'public',
      });
    }
  });

  it('would notice a change', async () => {
    const before = await digest();
    const { path, body } = (await ACCESS_ROWS['PATCH /v1/platforms/{id}']?.request({
      owner: neighbour,
      secrets: backends.secrets,
      instance: instance.origin,
    })) ?? { path: '', body: null };
    const made = await digest();
    await neighbour.client.patch(path, body);
    const renamed = await digest();
    expect(new Set([before, made, renamed].map((one) => one['platform_connections'])).size).toBe(3);
  });

  describe.each(Object.entries(ACCESS_ROWS))('%s', (route, row: AccessRow) => {
    const context = () => ({ owner, secrets: backends.secrets, instance: instance.origin });

    if (row.needs === 'public') {
      it('answers anybody, and does not look at a token', async () => {
        expect((await send(route, await row.request(context()))).status).toBe(row.ok);
        const accessToken = worthless['alg none'];
        expect((await send(route, await row.request(context()), accessToken)).status).toBe(row.ok);
      });
      return;
    }

    it('refuses everybody who may not, and then nothing has changed', async () => {
      const request = await row.request(context());
      const before = await digest();

      expectProblem(await send(route, request), 401, 'unauthenticated');
      for (const [what, token] of Object.entries(worthless)) {
        const { status } = await send(route, request, token);
        expect({ what, status }).toEqual({ what, status: 401 });
      }
      for (const [what, key] of keys) {
        if (mayPass(what, row)) continue;
        const answer = await send(route, request, key);
        expect({ what, status: answer.status }).toEqual({ what, status: 403 });
        expectProblem(answer, 403, 'forbidden');
      }
      if (row.needs === 'admin') {
        expectProblem(await send(route, request, owner.accessToken), 403, 'forbidden');
        const ofAdmin = await send(route, request, adminKey);
        expectProblem(ofAdmin, 403, 'forbidden');
      }
      if (row.stranger !== undefined && row.needs !== 'admin') {
        for (const who of [stranger, admin]) {
          expect((await send(route, request, who.accessToken)).status).toBe(row.stranger);
        }
      }
      expect(await digest()).toEqual(before);
    });

    it('lets a key that is limited to a connection reach no other', async () => {
      const request = await row.request(context());
      const before = await digest();
      const answer = await send(route, request, limitedKey);
      if (row.narrowed !== true) {
        const code = row.needs === 'session' || row.needs === 'admin' ? 'forbidden' : 'policy_refused';
        expectProblem(answer, 403, code);
        expect(await digest()).toEqual(before);
      } else {
        expect(answer.status).toBe(row.ok);
        const all = (await owner.client.get('/v1/platforms?includeInactive=true')).json<PlatformJson[]>();
        expect(all.length).toBeGreaterThan(1);
        for (const { id, name } of all) {
          if (id !== permitted.id) expect(answer.text).not.toContain(name);
        }
      }
      const named = /\/platforms\/(\d+)/.exec(request.path)?.[1];
      if (named === undefined || !SCOPES.some((scope) => scope === row.needs)) return;
      const { key } = await makeKey(SCOPES, owner, { platformIds: [Number(named)] });
      expect((await send(route, request, key)).status).toBe(row.ok);
    });

    it('answers whoever may', async () => {
      const allowed =
        row.needs === 'admin'
          ? [admin.accessToken]
          : [owner.accessToken, ...[...keys].filter(([what]) => mayPass(what, row)).map(([, key]) => key)];
      for (const token of allowed) {
        expect((await send(route, await row.request(context()), token)).status).toBe(row.ok);
      }
      if (row.needs !== 'admin' && row.stranger === undefined) {
        const { status } = await send(route, await row.request(context()), neighbour.accessToken);
        expect(status).toBe(row.ok);
      }
    });
  });
});

/** Whether the key of that name has the scope that the route needs. */
function mayPass(key: string, { needs }: AccessRow): boolean {
  if (!SCOPES.some((scope) => scope === needs)) return false;
  return (
    key === 'all' || key === `only ${needs}` || (key.startsWith('all but ') && key !== `all but ${needs}`)
  );
}
