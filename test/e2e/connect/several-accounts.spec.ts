import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { attemptOf, begin, finish, finishAttempt, listOf } from '../../support/fake-instance/oauth-steps.js';

describe('several accounts of one instance', () => {
  let backends: Backends;
  let app: ConnectApp;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(20);
    backends = await Backends.create();
    app = await startConnectApp({ allowlist: fakes.allowlist, backends });
  });
  afterEach(() => fakes.closeAll());
  afterAll(async () => {
    const log = app.log.join('\n');
    const tables = ['platform_connections', 'instance_apps', 'connect_attempts'];
    const rows = await Promise.all(tables.map((table) => backends.rows(`SELECT * FROM ${table}`)));
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
    expect(fakes.secrets.length).toBeGreaterThan(10);
    for (const secret of fakes.secrets) expect(log + JSON.stringify(rows)).not.toContain(secret);
  });

  /** The same account comes back a second time, although its user asked to choose. */
  async function cameBackAgain(fake: FakeInstance, more: object = { forceLogin: true }) {
    const caller = await app.signUp();
    const first = await finish(caller, begin(caller, fake, { name: 'Mine' }));
    const attempt = await attemptOf(caller, await begin(caller, fake, more));
    return { caller, attempt, platformId: first.body.platformId };
  }

  const confirm = (caller: Caller, attempt: string, replace: unknown) =>
    caller.send('POST', '/v1/connect/finish', { attempt, replace });
  const exchanges = (fake: FakeInstance) => fake.asked('/oauth/token').filter(({ form }) => form.has('code'));

  it('has the instance ask which account to use, only when it is wanted', async () => {
    const fake = await fakes.start('mastodon');
    const caller = await app.signUp();
    const asked = async (more: object) =>
      new URL((await begin(caller, fake, more)).authorizationUrl).searchParams.get('force_login');
    expect(await asked({ forceLogin: true })).toBe('true');
    expect(await asked({ forceLogin: false })).toBeNull();
    expect(await asked({})).toBeNull();
  });

  it.each(['mastodon', 'pleroma'] as const)(
    'shows which account came back from %s, and replaces nothing before it is confirmed',
    async (software) => {
      const fake = await fakes.start(software);
      const { caller, attempt, platformId } = await cameBackAgain(fake);
      const before = await listOf(caller);
      const asked = await finishAttempt(caller, attempt);
      expect(asked).toMatchObject({
        status: 200,
        body: {
          outcome: 'confirmation_required',
          platformId,
          renewed: false,
          account: { username: 'alice' },
        },
      });
      expect(await listOf(caller)).toEqual(before);
      // The code is used up, so the tokens are kept for the answer.
      expect(exchanges(fake)).toHaveLength(2);
      expect(await confirm(caller, attempt, false)).toMatchObject({
        body: { outcome: 'confirmation_required' },
      });
      const done = await confirm(caller, attempt, true);
      expect(done).toMatchObject({ status: 200, body: { outcome: 'connected', platformId, renewed: true } });
      expect(exchanges(fake)).toHaveLength(2);
      const [after] = await listOf(caller);
      expect(after).toMatchObject({ id: platformId, name: 'Mine' });
      expect(after?.version).not.toBe(before[0]?.version);
      expect(await confirm(caller, attempt, true)).toMatchObject({ status: 404 });
    },
  );

  it('asks a page that wants to be asked also without forceLogin', async () => {
    const fake = await fakes.start('friendica');
    const { caller, attempt } = await cameBackAgain(fake, {});
    expect((await confirm(caller, attempt, false)).body.outcome).toBe('confirmation_required');
    // Without a wish, the account is renewed.
    expect((await finishAttempt(caller, attempt)).body).toMatchObject({
      outcome: 'connected',
      renewed: true,
    });
  });

  it('connects another account at once, for nothing is replaced', async () => {
    const fake = await fakes.start('mastodon');
    const { caller, attempt } = await cameBackAgain(fake);
    fake.accounts.set('2', { username: 'bob', displayName: 'Bob' });
    fake.signedIn = '2';
    const done = await finish(caller, begin(caller, fake, { forceLogin: true }));
    expect(done.body).toMatchObject({ outcome: 'connected', renewed: false, account: { username: 'bob' } });
    expect(await listOf(caller)).toHaveLength(2);
    // The attempt that came back first is still alice's.
    expect((await finishAttempt(caller, attempt)).body.account).toMatchObject({ username: 'alice' });
  });

  it('gives a new connection the labels that the attempt began with, and changes those of no other', async () => {
    const fake = await fakes.start('mastodon');
    const caller = await app.signUp();
    const labels = { customer: 'acme' };
    await finish(caller, begin(caller, fake, { labels }));
    expect(await listOf(caller)).toMatchObject([{ labels }]);
    await finish(caller, begin(caller, fake, { labels: { customer: 'other' } }));
    expect(await listOf(caller)).toMatchObject([{ labels }]);
  });

  it('keeps what waits for an answer for its user alone, and for ten minutes', async () => {
    const fake = await fakes.start('mastodon');
    const { caller, attempt } = await cameBackAgain(fake);
    await finishAttempt(caller, attempt);
    const stranger = await app.signUp();
    expect(await confirm(stranger, attempt, true)).toMatchObject({ status: 404 });
    await backends.rows(`UPDATE connect_attempts SET expires_at = now() - interval '1 second'`);
    expect(await confirm(caller, attempt, true)).toMatchObject({ status: 404 });
  });

  it.each([
    ['/v1/connect', { instance: 'mastodon.example', forceLogin: 'yes' }, '/forceLogin'],
    ['/v1/connect', { instance: 'mastodon.example', labels: { 'not a key': 'x' } }, '/labels'],
    ['/v1/connect/finish', { attempt: 'x'.repeat(43), replace: 1 }, '/replace'],
  ])('answers 400 at %s to %j', async (path, body, pointer) => {
    const caller = await app.signUp();
    expect(await caller.send('POST', path, body)).toMatchObject({
      status: 400,
      body: { errors: [{ pointer }] },
    });
  });

  describe('at snac, whose apps remember who logged in last', () => {
    it('registers for each attempt, so that two people who connect at once each get their own account', async () => {
      const fake = await fakes.start('snac');
      fake.accounts.set('2', { username: 'bob', displayName: 'Bob' });
      const [alice, bob] = [await app.signUp(), await app.signUp()];
      const ofAlice = await begin(alice, fake);
      fake.signedIn = '2';
      const ofBob = await begin(bob, fake);
      expect(fake.oauth.apps.size).toBe(2);
      for (const [caller, begun, username] of [
        [alice, ofAlice, 'alice'],
        [bob, ofBob, 'bob'],
      ] as const) {
        expect((await finish(caller, Promise.resolve(begun))).body).toMatchObject({ account: { username } });
        // The registration is theirs, and no registration is shared.
        expect(await listOf(caller)).toMatchObject([{ username, hasClientCredentials: true }]);
      }
      const shared = await backends.rows('SELECT id FROM instance_apps WHERE origin = $1', [fake.origin]);
      expect(shared).toEqual([]);
    });

    it('revokes the token and the app of one person only', async () => {
      const fake = await fakes.start('snac');
      const people = [await app.signUp(), await app.signUp()];
      const ids = [];
      for (const caller of people)
        ids.push(String((await finish(caller, begin(caller, fake))).body.platformId));
      const [one, other] = people;
      expect((await one?.send('DELETE', `/v1/platforms/${ids[0]}?revoke=true`))?.status).toBe(204);
      expect(fake.oauth.apps.size).toBe(1);
      expect((await other?.send('POST', `/v1/platforms/${ids[1]}/test`))?.body.outcome).toBe('connected');
    });
  });
});
