import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { unique } from '../../support/factories.js';
import {
  type Answer,
  type Caller,
  type ConnectApp,
  startConnectApp,
} from '../../support/fake-instance/connect-app.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import {
  beginWithLink,
  connectionsOf,
  consentWithLink,
  finishAsGuest,
  makeLink,
  showLink,
} from '../../support/fake-instance/link-steps.js';
import { begin, finishAttempt } from '../../support/fake-instance/oauth-steps.js';
import { insertConnections } from '../../support/insert-connections.js';

const HOST_PAGE = 'https://app.example.org/connections';
const NOT_FOUND = { status: 404, body: { code: 'connect_link_not_found' } };

let backends: Backends;
let app: ConnectApp;
let fakes: FakeInstances;

beforeAll(async () => {
  fakes = await FakeInstances.atMost(20);
  backends = await Backends.create();
  const env = { CORS_ORIGINS: 'https://app.example.org' };
  app = await startConnectApp({ allowlist: fakes.allowlist, backends, env });
});
afterEach(() => fakes.closeAll());
afterAll(async () => {
  await app.expectCleanRecord();
  await app.close();
  await backends.remove();
});

async function connectAs(guest: Caller, link: string, fake: FakeInstance): Promise<Answer> {
  return finishAsGuest(guest, await consentWithLink(guest, link, fake.origin));
}

describe('a connect link', () => {
  it('lets somebody without an account connect theirs, for the owner, who finds it by their own id of the person', async () => {
    const fake = await fakes.start('mastodon');
    const owner = await app.signUp();
    const { link } = await makeLink(owner, { applicationName: 'Alt Text Helper', returnTo: HOST_PAGE });
    const guest = app.stranger();
    const shown = await showLink(guest, link);
    expect(shown).toMatchObject({ status: 200 });
    expect(Object.keys(shown.body).sort()).toEqual(['applicationName', 'expiresAt', 'instance', 'returnTo']);
    expect(shown.body).toMatchObject({
      applicationName: 'Alt Text Helper',
      returnTo: HOST_PAGE,
      instance: null,
    });
    const looked = await guest.send('POST', '/v1/connect/guest/lookup', { link, instance: fake.origin });
    expect(looked).toMatchObject({ status: 200, body: { platformType: 'mastodon' } });

    const done = await connectAs(guest, link, fake);
    expect(done.status).toBe(200);
    const [connection] = await connectionsOf(owner, 'customer-1');
    expect(connection).toMatchObject({ status: 'connected', labels: { 'external-user': 'customer-1' } });
    expect(done.body).toEqual({
      returnTo: `${HOST_PAGE}?connect=connected&platformId=${connection?.id}`,
    });

    // Used up.
    expect(await showLink(guest, link)).toMatchObject(NOT_FOUND);
    expect((await owner.send<unknown[]>('GET', '/v1/connect/links')).body).toEqual([]);
    const { body } = await owner.send<Record<string, unknown>[]>('GET', '/v1/audit');
    const trail = JSON.stringify(body);
    expect(trail).toContain('"action":"connect.link"');
    expect(trail).toMatch(
      /"action":"platform\.create"[^}]*"actor":"guest"|"actor":"guest"[^}]*"action":"platform\.create"/,
    );
  });

  it('belongs to the browser that began with it', async () => {
    const fake = await fakes.start('mastodon');
    const owner = await app.signUp();
    const { link } = await makeLink(owner);
    const [guest, other] = [app.stranger(), app.stranger()];
    // An instance that cannot be used leaves the link as it is.
    expect(await beginWithLink(guest, link, 'not an address')).toMatchObject({ status: 400 });
    expect(await showLink(other, link)).toMatchObject({ status: 200 });

    const attempt = await consentWithLink(guest, link, fake.origin);
    expect(await showLink(other, link)).toMatchObject(NOT_FOUND);
    expect(await beginWithLink(other, link, fake.origin)).toMatchObject(NOT_FOUND);
    // Neither with no cookie, nor with another's, nor as the owner.
    const refused = { status: 404, body: { code: 'attempt_not_found' } };
    expect(await finishAsGuest(other, attempt)).toMatchObject(refused);
    await consentWithLink(other, (await makeLink(owner)).link, fake.origin);
    expect(await finishAsGuest(other, attempt)).toMatchObject(refused);
    expect(await finishAttempt(owner, attempt)).toMatchObject(refused);
    // The same browser may begin again.
    const again = await consentWithLink(guest, link, fake.origin);
    expect(await finishAsGuest(guest, attempt)).toMatchObject(refused);
    expect(await finishAsGuest(guest, again)).toMatchObject({ status: 200, body: { returnTo: null } });
  });

  it('is good for one connection, also when two are finished at the same time', async () => {
    const [one, other] = [await fakes.start('mastodon'), await fakes.start('mastodon')];
    const owner = await app.signUp();
    const { link } = await makeLink(owner);
    const guest = app.stranger();
    const first = await consentWithLink(guest, link, one.origin);
    // The row of the first attempt stays while it is being finished; here it is put back.
    const kept = await backends.rows(
      'SELECT * FROM connect_attempts WHERE link_id IS NOT NULL AND origin = $1',
      [one.origin],
    );
    const second = await consentWithLink(guest, link, other.origin);
    const columns = Object.keys(kept[0] ?? {});
    await backends.rows(
      `INSERT INTO connect_attempts (${columns.join()}) VALUES (${columns.map((_, n) => `$${n + 1}`).join()})`,
      Object.values(kept[0] ?? {}),
    );
    const answers = await Promise.all([finishAsGuest(guest, first), finishAsGuest(guest, second)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404]);
    expect(await connectionsOf(owner, 'customer-1')).toHaveLength(1);
  });

  it("ends with the owner's word, after 30 minutes, and with the use of the owner's account", async () => {
    const fake = await fakes.start('mastodon');
    const owner = await app.signUp();
    const guest = app.stranger();
    const revoked = await makeLink(owner);
    const attempt = await consentWithLink(guest, revoked.link, fake.origin);
    const [listed] = (await owner.send<Record<string, unknown>[]>('GET', '/v1/connect/links')).body;
    expect(listed).toMatchObject({ id: revoked.id, externalUserId: 'customer-1', begun: true });
    expect(await (await app.signUp()).send('DELETE', `/v1/connect/links/${revoked.id}`)).toMatchObject(
      NOT_FOUND,
    );
    expect(await owner.send('DELETE', `/v1/connect/links/${revoked.id}`)).toMatchObject({ status: 204 });
    expect(await finishAsGuest(guest, attempt)).toMatchObject({ status: 404 });
    expect(await showLink(guest, revoked.link)).toMatchObject(NOT_FOUND);

    const expired = await makeLink(owner);
    const [{ seconds } = { seconds: 0 }] = await backends.rows<{ seconds: number }>(
      `UPDATE connect_links SET expires_at = now() WHERE id = $1
       RETURNING extract(epoch FROM expires_at - created_at)::float AS seconds`,
      [expired.id],
    );
    expect(seconds).toBeLessThan(60);
    expect(await showLink(guest, expired.link)).toMatchObject(NOT_FOUND);

    const late = await makeLink(owner);
    const begun = await consentWithLink(guest, late.link, fake.origin);
    const { body: me } = await owner.send<{ id: number }>('GET', '/v1/me');
    await backends.rows('UPDATE users SET disabled_at = now() WHERE id = $1', [me.id]);
    expect(await showLink(guest, late.link)).toMatchObject(NOT_FOUND);
    expect(await finishAsGuest(guest, begun)).toMatchObject(NOT_FOUND);
    expect(await backends.rows('SELECT id FROM platform_connections WHERE user_id = $1', [me.id])).toEqual(
      [],
    );
  });

  it('returns only to where this server lets browsers return to', async () => {
    const owner = await app.signUp();
    for (const returnTo of ['https://evil.example/', 'https://u:p@app.example.org/', 'javascript:alert(1)']) {
      const made = await owner.send('POST', '/v1/connect/links', { externalUserId: 'c', returnTo });
      expect(made).toMatchObject({ status: 400, body: { errors: [{ pointer: '/returnTo' }] } });
    }
  });

  it("gives an account that is connected for somebody else no new token, and a person's own one", async () => {
    const fake = await fakes.start('mastodon');
    const owner = await app.signUp();
    expect(await connectAs(app.stranger(), (await makeLink(owner)).link, fake)).toMatchObject({
      status: 200,
    });
    const guest = app.stranger();
    const { link } = await makeLink(owner, { externalUserId: 'customer-2' });
    const refused = await connectAs(guest, link, fake);
    expect(refused).toMatchObject({ status: 400, body: { code: 'account_taken' } });
    expect(await connectionsOf(owner, 'customer-2')).toEqual([]);
    // The link is still good, for another account.
    expect(await showLink(guest, link)).toMatchObject({ status: 200 });

    expect(await connectAs(app.stranger(), (await makeLink(owner)).link, fake)).toMatchObject({
      status: 200,
    });
    expect(await connectionsOf(owner, 'customer-1')).toHaveLength(1);
  });
});

it('does not say how many connections its owner has', async () => {
  const fake = await fakes.start('mastodon');
  const owner = await app.signUp();
  const { body: me } = await owner.send<{ id: number }>('GET', '/v1/me');
  const full = Array.from({ length: 200 }, (_, n) => ({
    ...{ userId: me.id, name: `Number ${n}`, username: `someone-${n}`, isDefault: n === 0 },
    ...{ instanceUrl: 'https://mastodon.example', accessToken: backends.secrets.make('token') },
  }));
  await insertConnections((text, values) => backends.rows(text, values), backends.keyRing, full);
  const refused = await connectAs(app.stranger(), (await makeLink(owner)).link, fake);
  expect(refused).toMatchObject({ status: 400, body: { code: 'too_many_platforms' } });
  expect(refused.body.detail).not.toContain('200');
});

describe('a link that reconnects', () => {
  it('leads to the instance of the connection and gives it, and no other account, a new token', async () => {
    const fake = await fakes.start('mastodon');
    const owner = await app.signUp();
    await connectAs(app.stranger(), (await makeLink(owner)).link, fake);
    const [{ id: platformId } = { id: 0 }] = await connectionsOf(owner, 'customer-1');
    await backends.rows(`UPDATE platform_connections SET status = 'token_invalid' WHERE id = $1`, [
      platformId,
    ]);

    const { link } = await makeLink(owner, { platformId });
    const guest = app.stranger();
    expect((await showLink(guest, link)).body).toMatchObject({ instance: fake.origin });
    expect(await finishAsGuest(guest, await consentWithLink(guest, link))).toMatchObject({ status: 200 });
    expect(await connectionsOf(owner, 'customer-1')).toMatchObject([{ id: platformId, status: 'connected' }]);

    // Somebody else's account at the same instance.
    await backends.rows(
      `UPDATE platform_connections SET account_id = 'other', username = 'other' WHERE id = $1`,
      [platformId],
    );
    const wrong = app.stranger();
    const other = await makeLink(owner, { platformId });
    expect(await finishAsGuest(wrong, await consentWithLink(wrong, other.link))).toMatchObject({
      status: 400,
      body: { code: 'identity_mismatch' },
    });
    expect(await connectionsOf(owner, 'customer-1')).toHaveLength(1);
  });

  it("is made only for the person's own connection", async () => {
    const fake = await fakes.start('mastodon');
    const owner = await app.signUp();
    const connected = await finishOwn(owner, fake);
    const stranger = await app.signUp();
    for (const [who, platformId] of [
      [owner, connected],
      [stranger, connected],
      [owner, 2_000_000_000],
    ] as const) {
      const made = await who.send('POST', '/v1/connect/links', { externalUserId: 'customer-1', platformId });
      expect(made).toMatchObject({ status: 400, body: { errors: [{ pointer: '/platformId' }] } });
    }
  });
});

describe('API keys', () => {
  it('make links with platforms:write and list them with platforms:read, but not where they are limited to connections', async () => {
    const owner = await app.signUp();
    const platformId = await finishOwn(owner, await fakes.start('mastodon'));
    const worker = async (scopes: string[], policy?: object) => {
      const { body } = await owner.send('POST', '/v1/api-keys', { name: unique(), scopes, policy });
      return { Authorization: `Bearer ${String(body.key)}` };
    };
    const body = { externalUserId: 'customer-1' };
    const ask = async (method: string, headers: Record<string, string>) =>
      (await app.stranger().send(method, '/v1/connect/links', method === 'POST' ? body : undefined, headers))
        .status;
    const writer = await worker(['platforms:write']);
    const reader = await worker(['platforms:read']);
    expect([await ask('POST', writer), await ask('GET', writer)]).toEqual([201, 403]);
    expect([await ask('POST', reader), await ask('GET', reader)]).toEqual([403, 200]);
    const limited = await worker(['platforms:write', 'platforms:read'], { platformIds: [platformId] });
    expect([await ask('POST', limited), await ask('GET', limited)]).toEqual([403, 403]);
  });
});

/** A connection that the owner made by themselves. */
async function finishOwn(owner: Caller, fake: FakeInstance): Promise<number> {
  const begun = await begin(owner, fake);
  const back = await owner.send('GET', begun.callback, undefined, { Accept: 'application/json' });
  const done = await finishAttempt(owner, String(back.body.attempt));
  return Number(done.body.platformId);
}
