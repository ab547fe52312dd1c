import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import {
  attemptOf,
  begin,
  comeBack,
  finish,
  finishAttempt,
  listOf,
} from '../../support/fake-instance/oauth-steps.js';
import { PICTURES } from '../../support/fake-instance/pictures.js';
import { Watched } from '../../support/watched.js';

const TOKEN = 'token-of-alice-at-misskey-1234567890';
const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

describe('Misskey and its forks', () => {
  let backends: Backends;
  let app: ConnectApp;
  let fakes: FakeInstances;
  let names = 0;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(40);
    backends = await Backends.create();
    backends.secrets.add(TOKEN);
    app = await startConnectApp({
      allowlist: fakes.allowlist,
      backends,
      env: { INSTANCE_TIMEOUT_MS: '4000', WATCH_SPACING_MS: '1' },
    });
  });
  afterEach(() => fakes.closeAll());
  afterAll(async () => {
    const log = app.log.join('\n');
    const tables = ['platform_connections', 'connect_attempts', 'audit_log'];
    const rows = await Promise.all(tables.map((table) => backends.rows(`SELECT * FROM ${table}`)));
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
    expect(fakes.secrets.length).toBeGreaterThan(10);
    for (const secret of [TOKEN, ...fakes.secrets]) expect(log + JSON.stringify(rows)).not.toContain(secret);
  });

  async function paste(caller: Caller, fake: FakeInstance, more: object = {}): Promise<string> {
    const created = await caller.send('POST', '/v1/platforms', {
      name: `Pasted ${++names}`,
      platformType: 'misskey',
      instanceUrl: fake.origin,
      accessToken: TOKEN,
      ...more,
    });
    expect(created.status).toBe(201);
    return `/v1/platforms/${String(created.body.id)}`;
  }

  const test = async (caller: Caller, path: string) => (await caller.send('POST', `${path}/test`)).body;
  const checks = (fake: FakeInstance) => fake.requests.filter(({ path }) => path.endsWith('/check'));

  describe('connecting by MiAuth', () => {
    it.each(['misskey', 'misskey-old', 'cherrypick'] as const)(
      'connects to %s from end to end',
      async (software) => {
        const fake = await fakes.start(software);
        const caller = await app.signUp();
        const { authorizationUrl, callback } = await begin(caller, fake, { name: 'Mine' });
        const page = new URL(authorizationUrl);
        const session = page.pathname.replace('/miauth/', '');
        expect(session).toMatch(UUID);
        expect(page.origin).toBe(fake.origin);
        expect(Object.fromEntries(page.searchParams)).toEqual({
          name: 'Platform Manager',
          callback: expect.stringMatching(
            new RegExp(`^${app.baseUrl}/v1/connect/callback/[\\w-]{22}\\?state=[\\w-]{43}$`),
          ),
          permission: 'read:account',
        });
        const done = await finish(caller, Promise.resolve({ callback }));
        expect(done).toMatchObject({
          status: 200,
          body: { outcome: 'connected', renewed: false, account: { id: '1', username: 'alice' } },
        });
        expect(await listOf(caller)).toMatchObject([
          {
            id: done.body.platformId,
            name: 'Mine',
            platformType: 'misskey',
            software: fake.behaviour.name,
            softwareVersion: fake.behaviour.version,
            username: 'alice',
            status: 'connected',
            tokenExpiresAt: null,
            hasClientCredentials: false,
          },
        ]);
        // No application was registered, and the token went into the body, where all versions read it.
        expect(fake.oauth.apps.size).toBe(0);
        expect(fake.requests.map(({ authorization }) => authorization)).not.toContainEqual(expect.anything());
        const path = `/v1/platforms/${String(done.body.platformId)}`;
        expect(await test(caller, path)).toMatchObject({ outcome: 'connected' });
        const revealed = await caller.send('POST', `${path}/credentials`, { reason: 'to post' });
        const [token] = fake.oauth.tokens.keys();
        expect(revealed.body).toEqual({
          accessToken: token,
          clientKey: null,
          clientSecret: null,
          instanceUrl: fake.origin,
          username: 'alice',
        });
      },
    );

    it('asks for the token once, for who began it alone', async () => {
      const fake = await fakes.start('misskey');
      const [caller, stranger] = [await app.signUp(), await app.signUp()];
      const attempt = await attemptOf(caller, await begin(caller, fake));
      expect(await finishAttempt(stranger, attempt)).toMatchObject({ status: 404 });
      // The same person, in a browser that has the cookie of another attempt.
      const elsewhere = caller.at(caller.baseUrl);
      await begin(elsewhere, fake);
      expect(await finishAttempt(elsewhere, attempt)).toMatchObject({ status: 404 });
      expect(checks(fake)).toHaveLength(0);
      expect(await finishAttempt(caller, attempt)).toMatchObject({ status: 200 });
      expect(await finishAttempt(caller, attempt)).toMatchObject({ status: 404 });
      expect(checks(fake)).toHaveLength(1);
    });

    it('refuses a callback of another instance, and one without a state', async () => {
      const [fake, other] = [await fakes.start('misskey'), await fakes.start('cherrypick')];
      const caller = await app.signUp();
      const [begun, elsewhere] = [await begin(caller, fake), await begin(caller, other)];
      const mixed = new URL(elsewhere.callback);
      mixed.search = new URL(begun.callback).search;
      const stateless = new URL(begun.callback);
      stateless.searchParams.delete('state');
      for (const { href } of [mixed, stateless])
        expect(await comeBack(caller, { callback: href })).toMatchObject({
          status: 400,
          body: { code: 'invalid_state' },
        });
      expect(await finish(caller, Promise.resolve(begun))).toMatchObject({ status: 200 });
    });

    it('does not finish what nobody approved, or what was fetched before', async () => {
      const fake = await fakes.start('misskey');
      const caller = await app.signUp();
      fake.consent = false;
      const denied = await begin(caller, fake);
      expect(denied.callback).toBe('');
      // Whoever knows the address can call the callback, yet there is no token.
      const page = new URL(denied.authorizationUrl);
      const forged = new URL(page.searchParams.get('callback') ?? '');
      forged.searchParams.set('session', page.pathname.replace('/miauth/', ''));
      expect(await finish(caller, Promise.resolve({ callback: forged.href }))).toMatchObject({
        status: 400,
        body: { code: 'invalid_grant' },
      });
      fake.consent = true;
      const begun = await begin(caller, fake);
      for (const session of fake.misskey?.sessions.values() ?? []) session.fetched = true;
      expect((await finish(caller, Promise.resolve(begun))).body.code).toBe('invalid_grant');
      expect(await listOf(caller)).toEqual([]);
    });

    it.each([
      ['server-error', 'instance_error'],
      ['wrong-json', 'instance_error'],
      ['html', 'instance_blocks_programs'],
      ['hang-up', 'instance_unreachable'],
    ] as const)('tells why the token cannot be fetched: %s', async (how, code) => {
      const fake = await fakes.start('misskey');
      const caller = await app.signUp();
      const begun = await begin(caller, fake);
      fake.misbehaviours.set('/api/miauth/', how);
      expect((await finish(caller, Promise.resolve(begun))).body.code).toBe(code);
    });

    it('shows which account came back, and replaces its token once that is confirmed', async () => {
      const fake = await fakes.start('misskey');
      const caller = await app.signUp();
      const { platformId } = (await finish(caller, begin(caller, fake))).body;
      const attempt = await attemptOf(caller, await begin(caller, fake, { forceLogin: true }));
      expect((await finishAttempt(caller, attempt)).body).toMatchObject({
        outcome: 'confirmation_required',
        platformId,
      });
      const confirmed = await caller.send('POST', '/v1/connect/finish', { attempt, replace: true });
      expect(confirmed.body).toMatchObject({ outcome: 'connected', platformId, renewed: true });
      expect(checks(fake)).toHaveLength(2);
    });
  });

  describe('a token that was pasted', () => {
    it('is tested, and shows the account with its counts and its picture', async () => {
      const fake = await fakes.start('misskey');
      fake.addToken(TOKEN);
      fake.files.set('/avatars/alice.png', { type: 'image/png', bytes: PICTURES['image/png'] });
      const caller = await app.signUp();
      const path = await paste(caller, fake, { username: '@Alice' });
      expect(await test(caller, path)).toMatchObject({
        outcome: 'connected',
        account: {
          id: '1',
          username: 'alice',
          displayName: 'Alice',
          avatarUrl: `${fake.origin}/avatars/alice.png`,
        },
      });
      const stats = await caller.send('GET', `${path}/stats`);
      expect(stats.body.account).toMatchObject({ followers: 12, following: 34, statuses: 56 });
      const avatar = await caller.send('GET', `${path}/avatar`);
      expect([avatar.status, avatar.headers.get('content-type')]).toEqual([200, 'image/png']);
      expect(await test(caller, await paste(caller, fake, { username: 'bob' }))).toMatchObject({
        outcome: 'identity_mismatch',
      });
    });

    it.each([
      ['misskey', 'invalid', 'token_invalid'],
      ['misskey-old', 'invalid', 'token_invalid'],
      ['sharkey', 'invalid', 'token_invalid'],
      ['misskey', 'missing-scope', 'scope_missing'],
      ['misskey-old', 'missing-scope', 'scope_missing'],
      ['misskey', 'disabled', 'account_disabled'],
    ] as const)('of %s that is %s is %s', async (software, state, outcome) => {
      const fake = await fakes.start(software);
      fake.addToken(TOKEN, state);
      const caller = await app.signUp();
      expect(await test(caller, await paste(caller, fake))).toMatchObject({ outcome, account: null });
    });

    it.each(['misskey', 'misskey-old', 'sharkey'] as const)(
      'of an account of %s that has moved says where to',
      async (software) => {
        const fake = await fakes.start(software);
        fake.addToken(TOKEN);
        const moved = 'https://new.example/users/9new0account';
        fake.accounts.set('1', { username: 'alice', displayName: 'Alice', moved });
        const caller = await app.signUp();
        const { outcome, detail } = await test(caller, await paste(caller, fake));
        const where = software === 'sharkey' ? moved : '@alice@new.example';
        expect([outcome, detail]).toEqual([
          'account_moved',
          `The account has moved to ${where}. Connect the new one.`,
        ]);
      },
    );

    it('of a moved account says so also where the instance does not tell where to', async () => {
      const fake = await fakes.start('misskey');
      fake.addToken(TOKEN);
      fake.accounts.set('1', { username: 'alice', displayName: 'Alice', moved: true });
      const caller = await app.signUp();
      const path = await paste(caller, fake);
      for (const how of ['not-found', 'hang-up'] as const) {
        fake.misbehaviours.set('/api/users/show', how);
        expect(await test(caller, path)).toMatchObject({
          outcome: 'account_moved',
          detail: 'The account has moved to another account. Connect the new one.',
        });
      }
    });

    it.each([
      ['misskey', { resetsAt: expect.stringMatching(/^20/) }],
      ['sharkey', { resetsAt: expect.stringMatching(/^20/) }],
      ['misskey-old', null],
    ] as const)('is told the limit of %s as it says it', async (software, rateLimit) => {
      const fake = await fakes.start(software);
      fake.addToken(TOKEN);
      fake.rateLimited = true;
      const caller = await app.signUp();
      const tested = await test(caller, await paste(caller, fake));
      expect(tested).toMatchObject({ outcome: 'rate_limited' });
      if (rateLimit === null) expect(tested.rateLimit).toBeNull();
      else expect(tested.rateLimit).toMatchObject(rateLimit);
    });

    it.each([
      ['server-error', 'instance_error'],
      ['not-found', 'instance_error'],
      ['html', 'instance_blocks_programs'],
      ['broken-json', 'instance_error'],
      ['hang-up', 'instance_unreachable'],
    ] as const)('is not blamed for what its instance does: %s', async (how, outcome) => {
      const fake = await fakes.start('misskey');
      fake.addToken(TOKEN);
      fake.misbehaviours.set('/api/i', how);
      const caller = await app.signUp();
      expect(await test(caller, await paste(caller, fake))).toMatchObject({ outcome });
    });
  });

  it('a round of the watcher sees a token that was revoked at the instance, and takes a snapshot of the others', async () => {
    const fake = await fakes.start('misskey');
    const caller = await app.signUp();
    const { platformId } = (await finish(caller, begin(caller, fake))).body;
    const path = `/v1/platforms/${String(platformId)}`;
    const watched = new Watched(app.app);
    const round = async () => {
      await watched.everythingDue();
      await watched.round();
      return (await caller.send('GET', path)).body.status;
    };
    expect(await round()).toBe('connected');
    expect((await caller.send('GET', `${path}/stats`)).body.account).toMatchObject({ followers: 12 });
    // Nothing is refreshed: these tokens do not expire.
    expect(fake.requests.map((request) => request.path)).not.toContain('/oauth/token');
    fake.oauth.tokens.clear();
    // One refusal may be a hiccup.
    expect([await round(), await round()]).toEqual(['connected', 'token_invalid']);
  });

  describe('DELETE with revoke=true', () => {
    const revocations = (fake: FakeInstance) => fake.asked('/api/i/revoke-token');

    it.each([
      ['that lets applications do it', true],
      ['that refuses, as all do that we have read', false],
    ])('deletes, and revokes at a server %s', async (_what, revocable) => {
      const fake = await fakes.start('misskey');
      if (fake.misskey !== null) fake.misskey.revocable = revocable;
      const caller = await app.signUp();
      const { platformId } = (await finish(caller, begin(caller, fake))).body;
      const path = `/v1/platforms/${String(platformId)}`;
      const [token] = fake.oauth.tokens.keys();
      const before = app.log.length;
      expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
      expect((await caller.send('GET', path)).status).toBe(404);
      expect(revocations(fake).map(({ form }) => form.get('token') === token)).toEqual([true]);
      expect(fake.oauth.tokens.size).toBe(revocable ? 0 : 1);
      const log = app.log.slice(before).join('\n');
      expect(log.includes('does not let applications revoke tokens')).toBe(!revocable);
    });

    it('asks the instance for nothing without it, and deletes when the instance is gone', async () => {
      const fake = await fakes.start('misskey');
      const caller = await app.signUp();
      expect((await caller.send('DELETE', await paste(caller, fake))).status).toBe(204);
      expect(revocations(fake)).toEqual([]);
      const path = await paste(caller, fake);
      await fakes.close(fake);
      expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
    });
  });

  it.each(['sharkey', 'iceshrimp-net'] as const)(
    'connects to %s, which speaks the Mastodon API too, by OAuth',
    async (software) => {
      const fake = await fakes.start(software);
      const caller = await app.signUp();
      expect((await finish(caller, begin(caller, fake))).body).toMatchObject({ outcome: 'connected' });
      expect(await listOf(caller)).toMatchObject([{ platformType: 'mastodon_api' }]);
      expect(fake.requests.some(({ path }) => path.includes('miauth'))).toBe(false);
    },
  );
});
