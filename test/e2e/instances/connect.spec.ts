import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import {
  type Answer,
  Caller,
  type ConnectApp,
  startConnectApp,
} from '../../support/fake-instance/connect-app.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import type { FakeSoftware } from '../../support/fake-instance/softwares.js';
import { freePorts } from '../../support/servers/free-port.js';

const CONSOLE = 'https://console.example.org';

interface Begun {
  readonly answer: Answer;
  readonly authorizationUrl: string;
  /** Where the instance sends the browser back to. */
  readonly callback: string;
}

describe('connecting by OAuth', () => {
  let app: ConnectApp;
  const ports: number[] = [];
  const started: FakeInstance[] = [];
  const secrets: string[] = [];

  beforeAll(async () => {
    ports.push(...(await freePorts(60)));
    const allowlist = ports.map((port) => `127.0.0.1:${port}`);
    app = await startConnectApp({ allowlist, env: { INSTANCE_TIMEOUT_MS: '4000', CORS_ORIGINS: CONSOLE } });
  });
  afterEach(async () => {
    for (const fake of started) {
      secrets.push(...fake.oauth.tokens.keys(), ...fake.oauth.refreshTokens.keys());
      secrets.push(...[...fake.oauth.apps.values()].map(({ clientSecret }) => clientSecret));
    }
    await Promise.all(started.splice(0).map((fake) => fake.close()));
  });
  afterAll(async () => {
    const log = app.log.join('\n');
    const tables = ['platform_connections', 'instance_apps', 'connect_attempts'];
    const rows = await Promise.all(tables.map((table) => sql(`SELECT * FROM ${table}`)));
    await app.close();
    const stored = JSON.stringify(rows);
    expect(secrets.length).toBeGreaterThan(10);
    for (const secret of secrets) {
      expect(log).not.toContain(secret);
      expect(stored).not.toContain(secret);
    }
  });

  const sql = (text: string, parameters: unknown[] = []) =>
    app.app.get(DataSource).query<Record<string, unknown>[]>(text, parameters);

  async function start(software: FakeSoftware): Promise<FakeInstance> {
    const fake = await startFakeInstance(software, { port: ports.pop() });
    started.push(fake);
    return fake;
  }

  async function begin(caller: Caller, fake: FakeInstance, more: object = {}): Promise<Begun> {
    const answer = await caller.send('POST', '/v1/connect', { instance: fake.origin, ...more });
    expect(answer.status).toBe(200);
    const authorizationUrl = String(answer.body.authorizationUrl);
    const consent = await caller.send('GET', authorizationUrl);
    return { answer, authorizationUrl, callback: consent.headers.get('location') ?? '' };
  }

  /** The browser has the cookies of the caller, and no bearer token. */
  function browserOf(caller: Caller): Caller {
    const browser = new Caller(app.baseUrl);
    for (const [name, value] of caller.cookies) browser.cookies.set(name, value);
    return browser;
  }

  /** Once the instance has sent the browser back, and with the cookie that it has by then. */
  async function finish(caller: Caller, begun: Promise<Begun>): Promise<Answer> {
    const { callback } = await begun;
    return browserOf(caller).send('GET', callback);
  }

  const list = async (caller: Caller) =>
    (await caller.send<Record<string, unknown>[]>('GET', '/v1/platforms')).body;

  it.each([
    ['mastodon', 'mastodon', 'profile', null, false],
    ['mastodon-old', 'mastodon', 'read:accounts', null, false],
    ['hometown', 'mastodon', 'read:accounts', null, false],
    ['pixelfed', 'pixelfed', 'read', 365 * 86_400, true],
    ['pleroma', 'pleroma', 'read:accounts', 600, true],
    ['akkoma', 'akkoma', 'read:accounts', 600, true],
    ['gotosocial', 'gotosocial', 'profile', null, false],
    ['friendica', 'friendica', 'read', null, false],
  ] as const)(
    'connects to %s from end to end',
    async (software, platformType, scope, lifetime, refreshable) => {
      const fake = await start(software);
      const caller = await app.signUp();
      const { authorizationUrl, callback, answer } = await begin(caller, fake, { name: 'Mine' });
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.getSetCookie()[0]).toMatch(
        /^pm_connect=[\w-]{43}; Path=\/v1\/connect; Max-Age=600; HttpOnly; SameSite=Lax$/,
      );
      const query = new URL(authorizationUrl).searchParams;
      expect(query.get('scope')).toBe(scope);
      expect(query.get('code_challenge_method')).toBe('S256');
      expect(query.get('redirect_uri')).toBe(`${app.baseUrl}/v1/connect/callback`);
      const before = Date.now();
      const done = await browserOf(caller).send('GET', callback);
      expect(done).toMatchObject({ status: 200, body: { outcome: 'connected', renewed: false } });
      expect(done.headers.get('referrer-policy')).toBe('no-referrer');
      const [platform, ...others] = await list(caller);
      expect(others).toEqual([]);
      expect(platform).toMatchObject({
        id: done.body.platformId,
        name: 'Mine',
        platformType,
        instanceUrl: fake.origin,
        username: 'alice',
        status: 'connected',
        isDefault: true,
        // Friendica's registration is one for all users, and with it all their tokens can be revoked.
        hasClientCredentials: software !== 'friendica',
      });
      const [row] = await sql('SELECT * FROM platform_connections WHERE id = $1', [platform?.id]);
      expect(row).toMatchObject({ account_id: '1' });
      expect(row?.refresh_token !== null).toBe(refreshable);
      if (lifetime === null) expect(platform?.tokenExpiresAt).toBeNull();
      else {
        const expiresInMs = Date.parse(String(platform?.tokenExpiresAt)) - before;
        expect(Math.abs(expiresInMs - lifetime * 1000)).toBeLessThan(20_000);
      }
      // The PKCE challenge was one that the verifier met, and the sealed token is the one that the instance issued.
      expect(fake.oauth.challenges).toEqual([query.get('code_challenge')]);
      const tested = await caller.send('POST', `/v1/platforms/${String(platform?.id)}/test`);
      expect(tested.body.outcome).toBe('connected');
    },
  );

  it('renews the connection of the same account, which keeps its id and its name', async () => {
    const fake = await start('pleroma');
    const caller = await app.signUp();
    const first = await finish(caller, begin(caller, fake, { name: 'First' }));
    fake.accounts.set('1', { username: 'alice-renamed', displayName: 'Alice' });
    const again = await finish(caller, begin(caller, fake, { name: 'Second' }));
    expect(again.body).toEqual({ outcome: 'connected', platformId: first.body.platformId, renewed: true });
    expect(await list(caller)).toMatchObject([
      { id: first.body.platformId, name: 'First', username: 'alice' },
    ]);
    expect(fake.oauth.apps.size).toBe(1);
    const other = await app.signUp();
    const theirs = await finish(other, begin(other, fake));
    expect(theirs.body).toMatchObject({ renewed: false });
    expect(theirs.body.platformId).not.toBe(first.body.platformId);
  });

  it('renews a connection that was made by hand, found by its username, and corrects its type', async () => {
    const fake = await start('mastodon');
    const caller = await app.signUp();
    const made = await caller.send('POST', '/v1/platforms', {
      name: 'By hand',
      platformType: 'pixelfed',
      instanceUrl: fake.origin,
      accessToken: 'expired-token-1234',
      username: `@Alice@${fake.host}`,
    });
    const { body } = await finish(caller, begin(caller, fake));
    expect(body).toMatchObject({ platformId: made.body.id, renewed: true });
    expect(await list(caller)).toMatchObject([{ id: made.body.id, platformType: 'mastodon' }]);
  });

  it('connects a second account beside the first, and finds a free name for it', async () => {
    const fake = await start('mastodon');
    const caller = await app.signUp();
    await finish(caller, begin(caller, fake, { name: 'Mine' }));
    fake.accounts.set('2', { username: 'bob', displayName: 'Bob' });
    fake.signedIn = '2';
    await finish(caller, begin(caller, fake, { name: 'Mine' }));
    expect((await list(caller)).map(({ name, username }) => [name, username])).toEqual([
      ['Mine', 'alice'],
      ['Mine (2)', 'bob'],
    ]);
  });

  it('creates one connection when two callbacks for the same account race', async () => {
    const fake = await start('mastodon');
    const caller = await app.signUp();
    const one = await begin(caller, fake);
    const other = await begin(caller, fake);
    const browser = browserOf(caller);
    const done = await Promise.all([browser.send('GET', one.callback), browser.send('GET', other.callback)]);
    expect(done.map(({ status }) => status)).toEqual([200, 200]);
    expect(await list(caller)).toHaveLength(1);
  });

  it('finishes an attempt once, also when its callback comes twice at the same time', async () => {
    const fake = await start('mastodon');
    const caller = await app.signUp();
    const { callback } = await begin(caller, fake);
    const browser = browserOf(caller);
    const both = await Promise.all([browser.send('GET', callback), browser.send('GET', callback)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect(await browser.send('GET', callback)).toMatchObject({
      status: 400,
      body: { code: 'invalid_state' },
    });
    expect(fake.asked('/oauth/token').filter(({ form }) => form.has('code'))).toHaveLength(1);
  });

  describe('a state', () => {
    const refused = { status: 400, body: { code: 'invalid_state' } };

    async function expectNothingDone(caller: Caller, fake: FakeInstance): Promise<void> {
      expect(fake.asked('/oauth/token').filter(({ form }) => form.has('code'))).toEqual([]);
      expect(await list(caller)).toEqual([]);
    }

    it('that is missing, malformed or unknown is refused', async () => {
      const fake = await start('mastodon');
      const caller = await app.signUp();
      const { callback } = await begin(caller, fake);
      for (const state of [null, '', 'x', 'x'.repeat(43), "' OR 1=1 --", 'x'.repeat(5000)]) {
        const url = new URL(callback);
        if (state === null) url.searchParams.delete('state');
        else url.searchParams.set('state', state);
        expect(await browserOf(caller).send('GET', url.href)).toMatchObject(refused);
      }
      await expectNothingDone(caller, fake);
    });

    it('that has expired is refused', async () => {
      const fake = await start('mastodon');
      const caller = await app.signUp();
      const { callback } = await begin(caller, fake);
      await sql(`UPDATE connect_attempts SET expires_at = now() - interval '1 second'`);
      expect(await browserOf(caller).send('GET', callback)).toMatchObject(refused);
      await expectNothingDone(caller, fake);
    });

    it('is refused in a browser without the cookie, and in that of another user, and is then used up', async () => {
      const fake = await start('mastodon');
      const [attacker, victim] = [await app.signUp(), await app.signUp()];
      await begin(victim, fake);
      for (const browser of [new Caller(app.baseUrl), browserOf(victim)]) {
        const { callback } = await begin(attacker, fake);
        expect(await browser.send('GET', callback)).toMatchObject(refused);
        expect(await browserOf(attacker).send('GET', callback)).toMatchObject(refused);
      }
      await expectNothingDone(attacker, fake);
      await expectNothingDone(victim, fake);
    });

    it('of an attempt is not taken for the code of another', async () => {
      const fake = await start('mastodon');
      const caller = await app.signUp();
      const [one, other] = [await begin(caller, fake), await begin(caller, fake)];
      const mixed = new URL(one.callback);
      mixed.searchParams.set('code', new URL(other.callback).searchParams.get('code') ?? '');
      // The code's challenge is met by the other verifier only.
      const { status, body } = await browserOf(caller).send('GET', mixed.href);
      expect([status, body.code]).toEqual([400, 'invalid_grant']);
      expect(await list(caller)).toEqual([]);
    });

    it('is bounded in number for each user', async () => {
      const fake = await start('mastodon');
      const caller = await app.signUp();
      const first = await begin(caller, fake);
      for (let more = 0; more < 20; more += 1) await begin(caller, fake);
      expect(await browserOf(caller).send('GET', first.callback)).toMatchObject(refused);
    });
  });

  it('ends when the user denies consent, and uses the attempt up', async () => {
    const fake = await start('mastodon');
    fake.consent = false;
    const caller = await app.signUp();
    const { callback } = await begin(caller, fake);
    expect(await browserOf(caller).send('GET', callback)).toMatchObject({
      status: 400,
      body: { code: 'access_denied', detail: 'The access was not granted at the instance.' },
    });
    expect(await browserOf(caller).send('GET', callback)).toMatchObject({ body: { code: 'invalid_state' } });
    expect(await list(caller)).toEqual([]);
  });

  it('sends the browser to returnTo, with success or failure', async () => {
    const fake = await start('mastodon');
    const caller = await app.signUp();
    const returnTo = `${CONSOLE}/connections?tab=1`;
    const done = await finish(caller, begin(caller, fake, { returnTo }));
    const [platform] = await list(caller);
    expect([done.status, done.headers.get('location')]).toEqual([
      303,
      `${returnTo}&connect=connected&platformId=${String(platform?.id)}`,
    ]);
    fake.consent = false;
    const denied = await finish(caller, begin(caller, fake, { returnTo }));
    expect(denied.headers.get('location')).toBe(`${returnTo}&connect=failed&code=access_denied`);
  });

  it('lets allow-listed origins, and no others, keep the cookie of POST /v1/connect', async () => {
    const preflight = (origin: string) =>
      fetch(`${app.baseUrl}/v1/connect`, {
        method: 'OPTIONS',
        headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
      });
    const { headers } = await preflight(CONSOLE);
    expect(headers.get('access-control-allow-origin')).toBe(CONSOLE);
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each([
    [CONSOLE, 'SameSite=None; Secure'],
    ['', 'SameSite=Lax; Secure'],
  ])('over https with CORS_ORIGINS=%j the cookie is %s', async (origins, attributes) => {
    const fake = await start('mastodon');
    const env = { PUBLIC_URL: 'https://platforms.example.org', CORS_ORIGINS: origins };
    const secure = await startConnectApp({ allowlist: [fake.host], env });
    try {
      const caller = await secure.signUp();
      const { headers } = await caller.send('POST', '/v1/connect', { instance: fake.origin });
      expect(headers.getSetCookie()[0]?.split('HttpOnly; ')[1]).toBe(attributes);
    } finally {
      await secure.close();
    }
  });

  it.each([
    'https://evil.example/',
    'https://console.example.org.evil.example/',
    'https://console.example.org@evil.example/',
    'https://user@console.example.org/',
    'https://console.example.org:444/',
    'http://console.example.org/',
    '//evil.example/',
    '/path',
    'javascript:alert(1)',
  ])('refuses to return to %s', async (returnTo) => {
    const caller = await app.signUp();
    const answer = await caller.send('POST', '/v1/connect', { instance: 'mastodon.example', returnTo });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '/returnTo' }] } });
  });

  it('registers once for each instance, and again when the instance has forgotten the registration', async () => {
    const fake = await start('mastodon-old');
    const caller = await app.signUp();
    await begin(caller, fake);
    await begin(caller, fake);
    expect(fake.asked('/api/v1/apps')).toHaveLength(1);
    fake.oauth.apps.clear();
    const { callback } = await begin(caller, fake);
    expect(fake.asked('/api/v1/apps')).toHaveLength(2);
    expect(await browserOf(caller).send('GET', callback)).toMatchObject({ status: 200 });
  });

  it('starts again by itself, once, when the registration is lost between consent and callback', async () => {
    const fake = await start('mastodon-old');
    const caller = await app.signUp();
    const { callback } = await begin(caller, fake);
    fake.oauth.apps.clear();
    const browser = browserOf(caller);
    const again = await browser.send('GET', callback);
    expect(again.status).toBe(303);
    const consent = await browser.send('GET', again.headers.get('location') ?? '');
    const back = consent.headers.get('location') ?? '';
    const lost = new Map(fake.oauth.apps);
    fake.oauth.apps.clear();
    expect(await browser.send('GET', back)).toMatchObject({ status: 400, body: { code: 'invalid_client' } });
    expect(lost.size).toBe(1);
  });

  it('explains what stands in the way of a beginning, naming /instance', async () => {
    const caller = await app.signUp();
    const misskey = await start('misskey');
    const closed = await start('mastodon');
    closed.misbehaviours.set('/api/v1/apps', 'html');
    for (const [instance, code] of [
      [misskey.origin, 'software_not_supported'],
      [closed.origin, 'registration_refused'],
      ['https://127.0.0.1', 'blocked_address'],
      ['nonsense', 'validation_failed'],
    ]) {
      const answer = await caller.send('POST', '/v1/connect', { instance });
      expect(answer).toMatchObject({ status: 400, body: { code, errors: [{ pointer: '/instance' }] } });
    }
  });

  it('trusts no metadata that leads to another host', async () => {
    const fake = await start('mastodon');
    fake.metadataEdits = { token_endpoint: 'https://evil.example/oauth/token' };
    const caller = await app.signUp();
    const { callback } = await begin(caller, fake);
    expect(await browserOf(caller).send('GET', callback)).toMatchObject({ status: 200 });
  });

  it.each(['server-error', 'endless-body', 'html-ok', 'wrong-json', 'hang-up', 'silent'] as const)(
    'ends in a typed failure when the token endpoint answers with %s',
    async (how) => {
      const fake = await start('mastodon');
      const caller = await app.signUp();
      const { callback } = await begin(caller, fake);
      fake.misbehaviours.set('/oauth/token', how);
      const { status, body } = await browserOf(caller).send('GET', callback);
      expect(status).toBe(400);
      expect(['instance_error', 'instance_unreachable', 'oauth_refused']).toContain(body.code);
      expect(await list(caller)).toEqual([]);
    },
  );

  describe('DELETE /v1/platforms/:id?revoke=true', () => {
    async function connected(software: FakeSoftware) {
      const fake = await start(software);
      const caller = await app.signUp();
      const done = await finish(caller, begin(caller, fake));
      return { fake, caller, path: `/v1/platforms/${String(done.body.platformId)}` };
    }

    it.each(['mastodon', 'pixelfed', 'pleroma', 'akkoma', 'gotosocial'] as const)(
      'revokes at %s',
      async (software) => {
        const { fake, caller, path } = await connected(software);
        const tokens = [...fake.oauth.tokens].filter(([, { accountId }]) => accountId === '1');
        expect(tokens).toHaveLength(1);
        expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
        expect([...fake.oauth.tokens.values()].some(({ accountId }) => accountId === '1')).toBe(false);
        expect((await caller.send('GET', path)).status).toBe(404);
      },
    );

    it('never revokes at Friendica, nor where nobody asked', async () => {
      for (const [software, query] of [
        ['friendica', '?revoke=true'],
        ['mastodon', ''],
        ['mastodon', '?revoke=false'],
      ] as const) {
        const { fake, caller, path } = await connected(software);
        expect((await caller.send('DELETE', `${path}${query}`)).status).toBe(204);
        expect(fake.asked('/oauth/revoke')).toEqual([]);
      }
    });

    it('never revokes at Friendica, whatever type and client credentials were typed', async () => {
      const { fake, caller, path } = await connected('friendica');
      const [client] = [...fake.oauth.apps.values()];
      const typed = { clientKey: client?.clientId, clientSecret: client?.clientSecret };
      const changed = await caller.send('PATCH', path, { platformType: 'mastodon', ...typed });
      expect(changed).toMatchObject({ status: 200, body: { hasClientCredentials: true } });
      expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
      expect(fake.asked('/oauth/revoke')).toEqual([]);
    });

    it('revokes by what the instance is, not by what was typed', async () => {
      const { fake, caller, path } = await connected('mastodon');
      await caller.send('PATCH', path, { platformType: 'friendica' });
      expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
      expect(fake.asked('/oauth/revoke')).toHaveLength(1);
    });

    it.each(['server-error', 'silent', 'html-ok'] as const)(
      'revokes nothing where it cannot learn what the instance is: %s',
      async (how) => {
        const { fake, caller, path } = await connected('mastodon');
        await app.forgetInstance(fake.origin);
        fake.misbehaviours.set('/.well-known/nodeinfo', how);
        expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
        expect(fake.asked('/oauth/revoke')).toEqual([]);
      },
    );

    it('deletes even when the instance refuses, misbehaves or is gone', async () => {
      for (const how of ['server-error', 'silent', 'endless-body', 'redirect-elsewhere'] as const) {
        const { fake, caller, path } = await connected('mastodon');
        fake.misbehaviours.set('/oauth/revoke', how);
        expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
        expect((await caller.send('GET', path)).status).toBe(404);
      }
      const { fake, caller, path } = await connected('mastodon');
      await started.splice(started.indexOf(fake), 1)[0]?.close();
      expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
    });

    it('does not touch, or reveal, the connection of another user', async () => {
      const { fake, caller, path } = await connected('mastodon');
      const stranger = await app.signUp();
      expect((await stranger.send('DELETE', `${path}?revoke=true`)).status).toBe(404);
      expect(fake.asked('/oauth/revoke')).toEqual([]);
      expect((await caller.send('GET', path)).status).toBe(200);
    });
  });
});
