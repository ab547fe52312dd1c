import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { attemptOf, finish, finishAttempt, listOf } from '../../support/fake-instance/oauth-steps.js';
import { SnacServer } from '../../support/servers/snac.js';
import { Watched } from '../../support/watched.js';

/** What the fake snac is held against: a real one. */
describe('a real instance, snac', () => {
  let snac: SnacServer;
  let backends: Backends;
  let app: ConnectApp;
  let names = 0;

  beforeAll(async () => {
    snac = await SnacServer.start(['alice', 'bob']);
    backends = await Backends.create();
    backends.secrets.add(...snac.passwords.values());
    app = await startConnectApp({ allowlist: [snac.host], backends, env: { WATCH_SPACING_MS: '1' } });
  });
  afterAll(async () => {
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
    await snac.remove();
  });

  /** `POST /v1/connect`, and what the user of snac does on its page. */
  async function begin(caller: Caller, user: string, more: object = {}) {
    const { status, body } = await caller.send('POST', '/v1/connect', { instance: snac.origin, ...more });
    expect(status).toBe(200);
    const authorizationUrl = String(body.authorizationUrl);
    const callback = await snac.consent(authorizationUrl, user);
    backends.secrets.add(new URL(callback).searchParams.get('code') ?? undefined);
    return { clientId: new URL(authorizationUrl).searchParams.get('client_id') ?? '', callback };
  }

  async function connect(caller: Caller, user: string): Promise<string> {
    const { status, body } = await finish(caller, begin(caller, user));
    expect({ status, body }).toMatchObject({ status: 200, body: { account: { username: user } } });
    return String(body.platformId);
  }

  async function tokenOf(caller: Caller, id: string): Promise<string> {
    const { body } = await caller.send('POST', `/v1/platforms/${id}/credentials`, { reason: 'to post' });
    const token = String(body.accessToken);
    backends.secrets.add(token, String(body.clientSecret));
    return token;
  }

  async function paste(caller: Caller, accessToken: string, username: string): Promise<string> {
    backends.secrets.add(accessToken);
    const { status, body } = await caller.send('POST', '/v1/platforms', {
      name: `Pasted ${++names}`,
      platformType: 'mastodon_api',
      instanceUrl: snac.origin,
      accessToken,
      username,
    });
    expect(status).toBe(201);
    return String(body.id);
  }

  const test = async (caller: Caller, id: string) =>
    (await caller.send('POST', `/v1/platforms/${id}/test`)).body;

  it('is found by its address and by a handle', async () => {
    const caller = await app.signUp();
    for (const instance of [snac.origin, `@alice@${snac.host}`]) {
      expect(await caller.send('POST', '/v1/instances/lookup', { instance })).toMatchObject({
        status: 200,
        body: { software: 'snac', platformType: 'mastodon_api' },
      });
    }
  });

  it('connects two people at the same time, each to their own account', async () => {
    const [alice, bob] = [await app.signUp(), await app.signUp()];
    const [ofAlice, ofBob] = await Promise.all([begin(alice, 'alice'), begin(bob, 'bob')]);
    expect(ofAlice.clientId).not.toBe(ofBob.clientId);
    const finished = await Promise.all([
      finish(alice, Promise.resolve(ofAlice)),
      finish(bob, Promise.resolve(ofBob)),
    ]);
    expect(finished.map(({ body }) => body.account)).toMatchObject([
      { username: 'alice' },
      { username: 'bob' },
    ]);
    for (const [caller, username] of [
      [alice, 'alice'],
      [bob, 'bob'],
    ] as const) {
      const [connection] = await listOf(caller);
      expect(connection).toMatchObject({
        username,
        platformType: 'mastodon_api',
        software: 'snac',
        softwareVersion: expect.stringMatching(/^2\.\d+$/),
        tokenExpiresAt: null,
      });
      expect(await test(caller, String(connection?.id))).toMatchObject({
        outcome: 'connected',
        account: { username },
      });
    }
  });

  it('connects both accounts for one person, beside each other', async () => {
    const caller = await app.signUp();
    const [first, second] = await Promise.all([
      begin(caller, 'alice'),
      begin(caller, 'bob', { forceLogin: true }),
    ]);
    await finish(caller, Promise.resolve(second));
    await finish(caller, Promise.resolve(first));
    expect((await listOf(caller)).map(({ username }) => username).sort()).toEqual(['alice', 'bob']);
  });

  it('tests a token that was pasted, and finds a wrong one and another account out', async () => {
    const caller = await app.signUp();
    const token = await snac.issueToken('alice');
    expect(await test(caller, await paste(caller, token, '@alice'))).toMatchObject({
      outcome: 'connected',
      account: { username: 'alice', avatarUrl: expect.stringContaining(snac.origin) },
    });
    expect((await test(caller, await paste(caller, token, 'bob'))).outcome).toBe('identity_mismatch');
    expect((await test(caller, await paste(caller, 'no-token-of-snac-1234', 'carol'))).outcome).toBe(
      'token_invalid',
    );
  });

  it('is seen by two rounds of the watcher to have revoked a token', async () => {
    const caller = await app.signUp();
    const [kept, revoked] = [await connect(caller, 'alice'), await connect(caller, 'bob')];
    await snac.revokeToken(await tokenOf(caller, revoked));
    const watched = new Watched(app.app);
    for (let checks = 0; checks < 2; checks++) {
      await watched.everythingDue();
      await watched.round();
    }
    const statusOf = async (id: string) => (await caller.send('GET', `/v1/platforms/${id}`)).body.status;
    expect([await statusOf(kept), await statusOf(revoked)]).toEqual(['connected', 'token_invalid']);
  });

  it('revokes the token of one person, and no other', async () => {
    const [one, other] = [await app.signUp(), await app.signUp()];
    const [gone, kept] = [await connect(one, 'alice'), await connect(other, 'alice')];
    const token = await tokenOf(one, gone);
    expect((await one.send('DELETE', `/v1/platforms/${gone}?revoke=true`)).status).toBe(204);
    expect((await test(one, await paste(one, token, 'alice'))).outcome).toBe('token_invalid');
    expect((await test(other, kept)).outcome).toBe('connected');
  });

  it('is told apart from an app that was deleted there, and registers again', async () => {
    const caller = await app.signUp();
    const begun = await begin(caller, 'alice');
    await snac.deleteApp(begun.clientId);
    expect(await finish(caller, Promise.resolve(begun))).toMatchObject({
      status: 400,
      body: { code: 'invalid_client' },
    });
    await connect(caller, 'alice');
  });

  it('may restart between consent and finish', async () => {
    const caller = await app.signUp();
    const begun = await begin(caller, 'alice');
    await snac.stop();
    const attempt = await attemptOf(caller, begun);
    await snac.startAgain();
    expect(await finishAttempt(caller, attempt)).toMatchObject({
      status: 200,
      body: { outcome: 'connected', account: { username: 'alice' } },
    });
  });
});
