import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Backends } from '../../support/backends.js';
import { type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { attemptOf, begin, finish, finishAttempt, listOf } from '../../support/fake-instance/oauth-steps.js';
import { insertRegistration } from '../../support/insert-connections.js';

describe('connecting by OAuth', () => {
  let backends: Backends;
  let app: ConnectApp;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(45);
    backends = await Backends.create();
    app = await startConnectApp({
      allowlist: fakes.allowlist,
      backends,
      env: { INSTANCE_TIMEOUT_MS: '4000' },
    });
  });
  afterEach(() => fakes.closeAll());
  afterAll(async () => {
    const log = app.log.join('\n');
    const tables = ['platform_connections', 'instance_apps', 'connect_attempts'];
    const stored = JSON.stringify(await Promise.all(tables.map((table) => sql(`SELECT * FROM ${table}`))));
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
    expect(fakes.secrets.length).toBeGreaterThan(10);
    for (const secret of fakes.secrets) {
      expect(log).not.toContain(secret);
      expect(stored).not.toContain(secret);
    }
  });

  const sql = (text: string, parameters: unknown[] = []) =>
    app.app.get(DataSource).query<Record<string, unknown>[]>(text, parameters);

  it.each([
    ['mastodon', 'mastodon', 'profile', null, false],
    ['mastodon-old', 'mastodon', 'read:accounts', null, false],
    ['hometown', 'mastodon', 'read:accounts', null, false],
    ['pixelfed', 'pixelfed', 'read', 365 * 86_400, true],
    ['pleroma', 'pleroma', 'read:accounts', 600, true],
    ['akkoma', 'akkoma', 'read:accounts', 600, true],
    ['gotosocial', 'gotosocial', 'profile', null, false],
    ['friendica', 'friendica', 'read', null, false],
    ['takahe', 'mastodon_api', 'read', null, false],
    ['hollo', 'mastodon_api', 'profile', null, false],
    ['something-new', 'mastodon_api', 'profile', 600, true],
    ['gotosocial-old', 'gotosocial', 'read', null, false],
    ['wordpress', 'mastodon_api', 'read', 2 * 365 * 86_400, false],
  ] as const)(
    'connects to %s from end to end',
    async (software, platformType, scope, lifetime, refreshable) => {
      const fake = await fakes.start(software);
      const caller = await app.signUp();
      const { authorizationUrl, callback, answer } = await begin(caller, fake, { name: 'Mine' });
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.getSetCookie()[0]).toMatch(
        /^pm_connect_[\w-]{8}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/,
      );
      const query = new URL(authorizationUrl).searchParams;
      expect(query.get('scope')).toBe(scope);
      expect(query.get('code_challenge_method')).toBe('S256');
      const redirectUri = query.get('redirect_uri') ?? '';
      expect(redirectUri).toMatch(new RegExp(`^${app.baseUrl}/v1/connect/callback/[\\w-]{22}$`));
      expect([...fake.oauth.apps.values()]).toMatchObject([{ redirectUri }]);
      const before = Date.now();
      const done = await finish(caller, Promise.resolve({ callback }));
      expect(done).toMatchObject({ status: 200, headers: expect.anything() });
      const account = { id: '1', username: 'alice' };
      expect(done.body).toMatchObject({ outcome: 'connected', renewed: false, account });
      const [platform, ...others] = await listOf(caller);
      expect(others).toEqual([]);
      expect(platform).toMatchObject({
        id: done.body.platformId,
        name: 'Mine',
        platformType,
        software: fake.behaviour.name.toLowerCase(),
        softwareVersion: fake.behaviour.version,
        instanceUrl: fake.origin,
        username: 'alice',
        status: 'connected',
        isDefault: true,
        // The registration is one for all users of the instance.
        hasClientCredentials: false,
      });
      const [row] = await sql('SELECT * FROM platform_connections WHERE id = $1', [platform?.id]);
      expect(row).toMatchObject({ account_id: '1' });
      expect(row).toMatchObject({ client_key: expect.any(String), client_secret: null });
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
    const fake = await fakes.start('pleroma');
    const caller = await app.signUp();
    const first = await finish(caller, begin(caller, fake, { name: 'First' }));
    fake.accounts.set('1', { username: 'alice-renamed', displayName: 'Alice' });
    const again = await finish(caller, begin(caller, fake, { name: 'Second' }));
    expect(again.body).toMatchObject({ platformId: first.body.platformId, renewed: true });
    expect(await listOf(caller)).toMatchObject([
      { id: first.body.platformId, name: 'First', username: 'alice' },
    ]);
    expect(fake.oauth.apps.size).toBe(1);
    const other = await app.signUp();
    const theirs = await finish(other, begin(other, fake));
    expect(theirs.body).toMatchObject({ renewed: false });
    expect(theirs.body.platformId).not.toBe(first.body.platformId);
  });

  it('renews a connection that was made by hand, found by its username, and corrects its type', async () => {
    const fake = await fakes.start('mastodon');
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
    expect(await listOf(caller)).toMatchObject([{ id: made.body.id, platformType: 'mastodon' }]);
  });

  it('connects a second account beside the first, and finds a free name for it', async () => {
    const fake = await fakes.start('mastodon');
    const caller = await app.signUp();
    await finish(caller, begin(caller, fake, { name: 'Mine' }));
    fake.accounts.set('2', { username: 'bob', displayName: 'Bob' });
    fake.signedIn = '2';
    await finish(caller, begin(caller, fake, { name: 'Mine' }));
    expect((await listOf(caller)).map(({ name, username }) => [name, username])).toEqual([
      ['Mine', 'alice'],
      ['Mine (2)', 'bob'],
    ]);
  });

  it('creates one connection when two attempts for the same account race', async () => {
    const fake = await fakes.start('mastodon');
    const caller = await app.signUp();
    const one = await begin(caller, fake);
    const other = await begin(caller, fake);
    const attempts = [await attemptOf(caller, one), await attemptOf(caller, other)];
    const done = await Promise.all(attempts.map((attempt) => finishAttempt(caller, attempt)));
    expect(done.map(({ status }) => status)).toEqual([200, 200]);
    expect(await listOf(caller)).toHaveLength(1);
  });

  it.each(['mastodon-old', 'pleroma', 'akkoma'] as const)(
    'registers once at %s, and again when it has forgotten the registration',
    async (software) => {
      const fake = await fakes.start(software);
      const caller = await app.signUp();
      await begin(caller, fake);
      await begin(caller, fake);
      expect(fake.asked('/api/v1/apps')).toHaveLength(1);
      fake.oauth.apps.clear();
      const { callback } = await begin(caller, fake);
      expect(fake.asked('/api/v1/apps')).toHaveLength(2);
      expect(await finish(caller, Promise.resolve({ callback }))).toMatchObject({ status: 200 });
    },
  );

  it('registers again for the next attempt when the registration is lost between consent and finish', async () => {
    const fake = await fakes.start('mastodon-old');
    const caller = await app.signUp();
    const begun = await begin(caller, fake);
    fake.oauth.apps.clear();
    expect(await finish(caller, Promise.resolve(begun))).toMatchObject({
      status: 400,
      body: { code: 'invalid_client' },
    });
    expect(await finish(caller, begin(caller, fake))).toMatchObject({ status: 200 });
    expect(fake.asked('/api/v1/apps')).toHaveLength(2);
  });

  it('registers again where the registration has the redirect URI that all instances once had', async () => {
    const fake = await fakes.start('mastodon');
    const redirectUri = `${app.baseUrl}/v1/connect/callback`;
    fake.oauth.register(new URLSearchParams({ redirect_uris: redirectUri, scopes: 'profile' }));
    const [former] = fake.oauth.apps.values();
    if (former === undefined) throw new Error('The fake registered nothing.');
    await insertRegistration(
      (text, values) => backends.rows(text, values),
      backends.keyRing,
      fake.origin,
      former,
    );
    const caller = await app.signUp();
    expect(await finish(caller, begin(caller, fake))).toMatchObject({ status: 200 });
    expect(fake.oauth.apps.size).toBe(2);
  });

  it('explains what stands in the way of a beginning, naming /instance', async () => {
    const caller = await app.signUp();
    const peertube = await fakes.start('peertube');
    const closed = await fakes.start('mastodon');
    closed.misbehaviours.set('/api/v1/apps', 'html');
    const strict = await fakes.start('mastodon');
    strict.misbehaviours.set('/api/v1/apps', 'teapot');
    for (const [instance, code] of [
      [peertube.origin, 'software_not_supported'],
      [closed.origin, 'instance_blocks_programs'],
      [strict.origin, 'registration_refused'],
      ['https://127.0.0.1', 'blocked_address'],
      ['nonsense', 'validation_failed'],
    ]) {
      const answer = await caller.send('POST', '/v1/connect', { instance });
      expect(answer).toMatchObject({ status: 400, body: { code, errors: [{ pointer: '/instance' }] } });
    }
  });

  it.each([
    ['never', { expires_in: 'never', refresh_token: '' }],
    ['0', { expires_in: 0, token_type: 'bearer', scope: 'read,profile' }],
    [
      'nothing but a token',
      { expires_in: null, refresh_token: null, token_type: undefined, scope: undefined },
    ],
  ])('loses no consent for a field that it can do without: %s', async (_what, replyEdits) => {
    const fake = await fakes.start('gotosocial');
    fake.oauth.replyEdits = replyEdits;
    const caller = await app.signUp();
    expect(await finish(caller, begin(caller, fake))).toMatchObject({ status: 200 });
    expect(await listOf(caller)).toMatchObject([{ status: 'connected', tokenExpiresAt: null }]);
    const [row] = await sql('SELECT refresh_token FROM platform_connections WHERE instance_url = $1', [
      fake.origin,
    ]);
    expect(row).toEqual({ refresh_token: null });
  });

  it('connects an account that has moved, and says where', async () => {
    const fake = await fakes.start('mastodon');
    fake.accounts.set('1', { username: 'alice', displayName: 'Alice', moved: { acct: 'alice@new.example' } });
    const caller = await app.signUp();
    expect(await finish(caller, begin(caller, fake))).toMatchObject({ status: 200 });
    expect(await listOf(caller)).toMatchObject([
      { status: 'account_moved', lastError: expect.stringContaining('@alice@new.example') },
    ]);
  });

  it('trusts no metadata of a server at which applications register elsewhere', async () => {
    const fake = await fakes.start('mastodon');
    fake.metadataEdits = {
      app_registration_endpoint: `${fake.origin}/plugin/register`,
      token_endpoint: `${fake.origin}/plugin/token`,
    };
    const caller = await app.signUp();
    expect(await finish(caller, begin(caller, fake))).toMatchObject({ status: 200 });
    expect(fake.asked('/plugin/token')).toEqual([]);
  });

  it('trusts no metadata that leads to another host', async () => {
    const fake = await fakes.start('mastodon');
    fake.metadataEdits = { token_endpoint: 'https://evil.example/oauth/token' };
    const caller = await app.signUp();
    const { callback } = await begin(caller, fake);
    expect(await finish(caller, Promise.resolve({ callback }))).toMatchObject({ status: 200 });
  });

  it.each([
    'server-error',
    'no-such-status',
    'endless-body',
    'html-ok',
    'wrong-json',
    'hang-up',
    'silent',
  ] as const)('ends in a typed failure when the token endpoint answers with %s', async (how) => {
    const fake = await fakes.start('mastodon');
    const caller = await app.signUp();
    const { callback } = await begin(caller, fake);
    fake.misbehaviours.set('/oauth/token', how);
    const { status, body } = await finish(caller, Promise.resolve({ callback }));
    expect(status).toBe(400);
    expect(['instance_error', 'instance_unreachable', 'oauth_refused']).toContain(body.code);
    expect(await listOf(caller)).toEqual([]);
  });
});
