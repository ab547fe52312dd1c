import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { BlueskyNetwork } from '../../support/fake-instance/bluesky-network.js';
import { beginBluesky, blueskyAttempt, connectBluesky } from '../../support/fake-instance/bluesky-steps.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { BlueskyAccount, FakeBluesky } from '../../support/fake-instance/fake-bluesky.js';
import { comeBack, finishAttempt, listOf } from '../../support/fake-instance/oauth-steps.js';

describe('Bluesky', () => {
  let backends: Backends;
  let network: BlueskyNetwork;
  let app: ConnectApp;
  let server: FakeBluesky;

  beforeAll(async () => {
    network = await BlueskyNetwork.start();
    backends = await Backends.create();
    app = await startConnectApp({
      backends,
      allowlist: network.allowlist,
      env: { ...network.env, WATCH_SPACING_MS: '1' },
    });
    server = await network.server();
  });
  afterAll(async () => {
    await app.expectCleanRecord();
    const tables = ['platform_connections', 'connect_attempts', 'audit_log', 'bluesky_client_key'];
    const rows = await Promise.all(tables.map((table) => backends.rows(`SELECT * FROM ${table}`)));
    const left = app.log.join('\n') + JSON.stringify(rows);
    await app.close();
    await backends.remove();
    await network.close();
    expect(network.secrets.length).toBeGreaterThan(10);
    for (const secret of network.secrets) expect(left).not.toContain(secret);
  });

  /** Its path. */
  const connected = async (caller: Caller, { handle }: BlueskyAccount): Promise<string> =>
    `/v1/platforms/${await connectBluesky(caller, handle)}`;

  const test = async (caller: Caller, path: string) => (await caller.send('POST', `${path}/test`)).body;

  describe('looking up', () => {
    const lookUp = (caller: Caller, instance: string) =>
      caller.send('POST', '/v1/instances/lookup', { instance });

    it.each([
      ['a handle', ({ handle }: BlueskyAccount) => handle],
      ['a handle with an @, in capitals', ({ handle }: BlueskyAccount) => `@${handle.toUpperCase()}`],
      ['a DID', ({ did }: BlueskyAccount) => did],
      ['a profile', ({ handle }: BlueskyAccount) => `https://bsky.app/profile/${handle}`],
      ['an AT URI', ({ did }: BlueskyAccount) => `at://${did}/app.bsky.feed.post/1`],
      ['a server', () => server.origin],
    ])('finds the server of %s', async (_what, typed) => {
      const caller = await app.signUp();
      const found = await lookUp(caller, typed(network.person(server)));
      expect(found).toMatchObject({
        status: 200,
        body: {
          origin: server.origin,
          software: 'bluesky',
          platformType: 'bluesky',
          supported: true,
          features: { scopes: ['atproto', 'transition:generic'], pkce: 'S256', refreshTokens: true },
        },
      });
    });

    it('refuses a handle that leads to nobody, or to an account that has another handle', async () => {
      const caller = await app.signUp();
      const { did } = network.person(server);
      network.point('stolen.test', did);
      for (const handle of ['@nobody.test', '@stolen.test']) {
        const { status, body } = await lookUp(caller, handle);
        expect([status, body.code]).toEqual([400, 'validation_failed']);
        expect(body.errors).toMatchObject([{ pointer: '/instance' }]);
      }
      network.dns.records.set('_atproto.two.test', [`did=${did}`, 'did=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa']);
      expect((await lookUp(caller, '@two.test')).status).toBe(400);
    });
  });

  it('connects from end to end, with pushed requests and proofs, tests, snapshots, reveals, and deletes', async () => {
    const person = network.person(server);
    const caller = await app.signUp();
    const begun = await caller.send('POST', '/v1/connect', { instance: `@${person.handle}` });
    const page = new URL(String(begun.body.authorizationUrl));
    expect([...page.searchParams.keys()]).toEqual(['client_id', 'request_uri']);
    const clientId = new URL(page.searchParams.get('client_id') ?? '');
    expect([clientId.origin, clientId.searchParams.get('redirect_uri')]).toEqual([
      'http://localhost',
      `${app.baseUrl}/v1/connect/callback/bluesky`,
    ]);
    const callback = (await caller.send('GET', page.href)).headers.get('location') ?? '';
    const attempt = String((await comeBack(caller, { callback })).body.attempt);
    const done = await finishAttempt(caller, attempt);
    expect(done).toMatchObject({
      status: 200,
      body: { outcome: 'connected', renewed: false, account: { id: person.did, username: person.handle } },
    });
    expect(await listOf(caller)).toMatchObject([
      {
        name: person.handle,
        platformType: 'bluesky',
        software: 'bluesky',
        instanceUrl: server.origin,
        username: person.handle,
        status: 'connected',
        tokenExpiresAt: expect.stringMatching(/^20/),
      },
    ]);
    const path = `/v1/platforms/${String(done.body.platformId)}`;
    expect(await test(caller, path)).toMatchObject({
      outcome: 'connected',
      account: { displayName: 'Alice of the sky' },
    });
    expect((await caller.send('GET', `${path}/stats`)).body.account).toMatchObject({
      followers: 12,
      following: 34,
      statuses: 56,
    });
    const revealed = await caller.send('POST', `${path}/credentials`, { reason: 'to post' });
    const [token] = [...server.oauth.tokens].find(([, { did }]) => did === person.did) ?? [];
    expect(revealed.body).toEqual({
      accessToken: token,
      clientKey: page.searchParams.get('client_id'),
      clientSecret: null,
      instanceUrl: server.origin,
      username: person.handle,
      tokenType: 'DPoP',
      notice: expect.stringContaining(`${path}/proxy/`),
    });
    expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
    expect(server.oauth.sessions.find(({ did }) => did === person.did)?.revoked).toBe(true);
  });

  it('is used through the proxy, with a proof for each request, also where the last nonce or the token is refused', async () => {
    const person = network.person(server);
    const caller = await app.signUp();
    const path = `${await connected(caller, person)}/proxy/xrpc`;
    const session = { status: 200, body: { did: person.did, handle: person.handle } };
    for (const query of ['', '?a=b']) {
      server.resourceNonces.rotate();
      expect(await caller.send('GET', `${path}/com.atproto.server.getSession${query}`)).toMatchObject(
        session,
      );
    }
    const { refreshes } = server.oauth;
    server.oauth.expireTokens(person.did);
    expect(await caller.send('GET', `${path}/com.atproto.server.getSession`)).toMatchObject(session);
    expect(server.oauth.refreshes).toBe(refreshes + 1);
  });

  it('asks again with a new nonce, once, where the one that it had is refused', async () => {
    const person = network.person(server);
    const caller = await app.signUp();
    const path = await connected(caller, person);
    for (const nonces of [server.authorizationNonces, server.resourceNonces]) nonces.rotate();
    const [authorization, resource] = [server.authorizationNonces.refused, server.resourceNonces.refused];
    expect(await test(caller, path)).toMatchObject({ outcome: 'connected' });
    expect(server.resourceNonces.refused).toBe(resource + 1);
    expect(await test(caller, path)).toMatchObject({ outcome: 'connected' });
    expect(server.resourceNonces.refused).toBe(resource + 1);
    await connected(caller, network.person(server));
    expect(server.authorizationNonces.refused).toBe(authorization + 1);
  });

  describe('coming back', () => {
    it('works once, for who began it alone', async () => {
      const person = network.person(server);
      const [caller, stranger] = [await app.signUp(), await app.signUp()];
      const callback = await beginBluesky(caller, person.handle);
      const attempt = String((await comeBack(caller, { callback })).body.attempt);
      expect(await comeBack(caller, { callback })).toMatchObject({
        status: 400,
        body: { code: 'invalid_state' },
      });
      expect(await finishAttempt(stranger, attempt)).toMatchObject({ status: 404 });
      expect(await finishAttempt(caller, attempt)).toMatchObject({ status: 200 });
      expect(await finishAttempt(caller, attempt)).toMatchObject({ status: 404 });
      expect(server.oauth.sessions.filter(({ did }) => did === person.did)).toHaveLength(1);
    });

    it('refuses the response of another server, or of one that does not say who it is', async () => {
      const caller = await app.signUp();
      const right = new URL(await beginBluesky(caller, network.person(server).handle));
      for (const iss of ['http://127.0.0.1:1', null]) {
        const wrong = new URL(right);
        if (iss === null) wrong.searchParams.delete('iss');
        else wrong.searchParams.set('iss', iss);
        expect((await comeBack(caller, { callback: wrong.href })).body.code).toBe('invalid_state');
      }
      expect((await comeBack(caller, { callback: right.href })).status).toBe(200);
    });

    it('says that access was refused', async () => {
      const caller = await app.signUp();
      const person = network.person(server);
      server.consent = false;
      const callback = await beginBluesky(caller, person.handle);
      server.consent = true;
      expect(await comeBack(caller, { callback })).toMatchObject({
        status: 400,
        body: { code: 'access_denied' },
      });
      expect(await listOf(caller)).toEqual([]);
    });

    it('with another account than the one that was named is no connection, and ends the session', async () => {
      const caller = await app.signUp();
      const [named, other] = [network.person(server), network.person(server)];
      const done = await finishAttempt(caller, await blueskyAttempt(caller, named.handle));
      expect([done.status, done.body.code]).toEqual([400, 'identity_mismatch']);
      expect(server.oauth.sessions.find(({ did }) => did === other.did)?.revoked).toBe(true);
      expect(await listOf(caller)).toEqual([]);
    });

    it('shows which account came back, and replaces its session once that is confirmed', async () => {
      const caller = await app.signUp();
      const person = network.person(server);
      const path = await connected(caller, person);
      const attempt = await blueskyAttempt(caller, server.origin, { forceLogin: true });
      expect((await finishAttempt(caller, attempt)).body).toMatchObject({
        outcome: 'confirmation_required',
        account: { id: person.did },
      });
      const confirmed = await caller.send('POST', '/v1/connect/finish', { attempt, replace: true });
      expect(confirmed.body).toMatchObject({ outcome: 'connected', renewed: true });
      expect(await test(caller, path)).toMatchObject({ outcome: 'connected' });
    });

    it('does not take another account for the one that had its handle before', async () => {
      const caller = await app.signUp();
      const first = network.person(server);
      const path = await connected(caller, first);
      const second = network.person(server);
      network.directory.documents.set(first.did, { handle: 'moved.test', pds: server.origin });
      network.point('moved.test', first.did);
      network.directory.documents.set(second.did, { handle: first.handle, pds: server.origin });
      network.point(first.handle, second.did);
      const taken = await finishAttempt(caller, await blueskyAttempt(caller, second.did));
      expect(taken).toMatchObject({ status: 409, body: { code: 'duplicate_account' } });
      expect(await test(caller, path)).toMatchObject({ outcome: 'connected', account: { id: first.did } });

      // Reconnected, the first one has its new handle, and the old one is free.
      server.signedIn = first.did;
      expect(`/v1/platforms/${await connectBluesky(caller, first.did)}`).toBe(path);
      server.signedIn = second.did;
      expect(`/v1/platforms/${await connectBluesky(caller, second.did)}`).not.toBe(path);
      expect((await listOf(caller)).map(({ username }) => username)).toEqual(['moved.test', first.handle]);
    });

    it('serves two people with the same account, each with a session of their own', async () => {
      const person = network.person(server);
      const [one, two] = [await app.signUp(), await app.signUp()];
      const paths = [await connected(one, person), await connected(two, person)] as const;
      expect((await one.send('DELETE', `${paths[0]}?revoke=true`)).status).toBe(204);
      expect(await test(two, paths[1])).toMatchObject({ outcome: 'connected' });
    });
  });

  describe('testing', () => {
    it.each(['deactivated', 'suspended', 'takendown'] as const)(
      'a %s account is disabled',
      async (status) => {
        const caller = await app.signUp();
        const person = network.person(server);
        const path = await connected(caller, person);
        person.status = status;
        expect(await test(caller, path)).toMatchObject({ outcome: 'account_disabled', account: null });
      },
    );

    it('says what the servers do: a session that was ended, a limit, profiles that are away, an identity that is gone', async () => {
      const caller = await app.signUp();
      const person = network.person(server);
      const path = await connected(caller, person);
      server.rateLimited = true;
      expect(await test(caller, path)).toMatchObject({ outcome: 'rate_limited' });
      server.rateLimited = false;
      server.profiles = false;
      expect(await test(caller, path)).toMatchObject({
        outcome: 'connected',
        account: { username: person.handle, displayName: null },
      });
      server.profiles = true;
      for (const session of server.oauth.sessions) if (session.did === person.did) server.oauth.end(session);
      expect(await test(caller, path)).toMatchObject({ outcome: 'token_invalid' });
      network.directory.documents.delete(person.did);
      expect(await test(caller, path)).toMatchObject({ outcome: 'account_disabled' });
    });

    it('takes a new handle for the same account, and does not show one that leads elsewhere', async () => {
      const caller = await app.signUp();
      const person = network.person(server);
      const path = await connected(caller, person);
      network.directory.documents.set(person.did, { handle: 'renamed.test', pds: server.origin });
      expect(await test(caller, path)).toMatchObject({
        outcome: 'connected',
        account: { username: person.did },
      });
      network.point('renamed.test', person.did);
      expect(await test(caller, path)).toMatchObject({
        outcome: 'connected',
        account: { username: 'renamed.test' },
      });
    });

    it('follows an account to another PDS of its authorization server', async () => {
      const [first, second] = [await network.server(server), await network.server(server)];
      const caller = await app.signUp();
      const person = network.person(first);
      server.signedIn = person.did;
      const path = await connected(caller, person);
      expect(await listOf(caller)).toMatchObject([{ instanceUrl: server.origin }]);
      network.move(person, first, second);
      const asked = first.requests.length;
      expect(await test(caller, path)).toMatchObject({ outcome: 'connected' });
      expect(first.requests).toHaveLength(asked);
      expect(second.requests).toContain('GET /xrpc/com.atproto.server.getSession');
    });

    it('says that an account is at another authorization server now, sends no token there, and reconnects it', async () => {
      const elsewhere = await network.server();
      const caller = await app.signUp();
      const person = network.person(server);
      const path = await connected(caller, person);
      network.move(person, server, elsewhere);
      expect(await test(caller, path)).toMatchObject({
        outcome: 'account_moved',
        detail: `The account has moved to the server ${new URL(elsewhere.origin).host}. Connect it again.`,
      });
      expect(elsewhere.requests.filter((asked) => asked.includes('/xrpc/'))).toEqual([]);
      elsewhere.signedIn = person.did;
      expect(await connected(caller, person)).toBe(path);
      expect(await listOf(caller)).toMatchObject([{ instanceUrl: elsewhere.origin, status: 'connected' }]);
    });
  });

  it('takes no pasted tokens, and changes no part of a session', async () => {
    const caller = await app.signUp();
    const body = {
      name: 'x',
      platformType: 'bluesky',
      instanceUrl: server.origin,
      accessToken: 'pasted-token-1',
    };
    expect(await caller.send('POST', '/v1/platforms', body)).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/platformType' }] },
    });
    const path = await connected(caller, network.person(server));
    for (const [field, value] of Object.entries({
      platformType: 'mastodon',
      instanceUrl: 'https://other.example',
      accessToken: 'pasted-token-1',
      clientKey: null,
      clientSecret: null,
    }))
      expect(await caller.send('PATCH', path, { [field]: value })).toMatchObject({
        status: 400,
        body: { errors: [{ pointer: `/${field}` }] },
      });
    expect((await caller.send('PATCH', path, { name: 'Renamed' })).status).toBe(200);
    expect(await test(caller, path)).toMatchObject({ outcome: 'connected' });
  });
});
