import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { BlueskyNetwork } from '../../support/fake-instance/bluesky-network.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { BlueskyAccount, FakeBluesky } from '../../support/fake-instance/fake-bluesky.js';
import {
  connectionsOf,
  consentWithLink,
  finishAsGuest,
  makeLink,
  showLink,
} from '../../support/fake-instance/link-steps.js';

describe('a connect link for a Bluesky account', () => {
  let backends: Backends;
  let network: BlueskyNetwork;
  let app: ConnectApp;
  let server: FakeBluesky;
  let owner: Caller;
  let person: BlueskyAccount;
  let platformId: number;

  beforeAll(async () => {
    network = await BlueskyNetwork.start();
    backends = await Backends.create();
    app = await startConnectApp({ backends, allowlist: network.allowlist, env: network.env });
    server = await network.server();
  });
  beforeEach(async () => {
    owner = await app.signUp();
    person = network.person(server);
    const guest = app.stranger();
    const { link } = await makeLink(owner);
    const done = await finishAsGuest(guest, await consentWithLink(guest, link, `@${person.handle}`));
    expect(done).toMatchObject({ status: 200 });
    const [connection] = await connectionsOf(owner, 'customer-1');
    expect(connection).toMatchObject({ status: 'connected', username: person.handle });
    platformId = connection?.id ?? 0;
    for (const session of server.oauth.sessions) if (session.did === person.did) server.oauth.end(session);
    expect(await tested()).toBe('token_invalid');
    expect(await connectionsOf(owner, 'customer-1')).toMatchObject([
      { id: platformId, status: 'token_invalid' },
    ]);
  });
  afterAll(async () => {
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
    await network.close();
  });

  const tested = async (): Promise<unknown> =>
    (await owner.send('POST', `/v1/platforms/${platformId}/test`)).body.outcome;
  const sessionsOf = (did: string) => server.oauth.sessions.filter((session) => session.did === did);

  /** With the broken connection's link, by somebody who types nothing. */
  async function reconnect() {
    const guest = app.stranger();
    const { link } = await makeLink(owner, { platformId });
    expect((await showLink(guest, link)).body).toMatchObject({ instance: server.origin });
    return finishAsGuest(guest, await consentWithLink(guest, link));
  }

  async function expectReconnected(): Promise<void> {
    expect(await reconnect()).toMatchObject({ status: 200 });
    expect(await connectionsOf(owner, 'customer-1')).toMatchObject([{ id: platformId, status: 'connected' }]);
    expect(await tested()).toBe('connected');
  }

  it('gives the broken connection a new session', async () => {
    await expectReconnected();
    expect(sessionsOf(person.did).map(({ revoked }) => revoked)).toEqual([true, false]);
  });

  it('finds the account under a new handle, also when somebody else has the old one now', async () => {
    network.directory.documents.set(person.did, { handle: 'renamed.test', pds: server.origin });
    network.point('renamed.test', person.did);
    const other = network.person(server);
    network.point(person.handle, other.did);
    server.signedIn = person.did;
    await expectReconnected();
    expect(sessionsOf(other.did)).toEqual([]);
  });

  it('finds the account at the server that it has moved to', async () => {
    const elsewhere = await network.server();
    network.move(person, server, elsewhere);
    elsewhere.signedIn = person.did;
    await expectReconnected();
  });

  it('takes no other account, ends its session, and stays good for the right one', async () => {
    const other = network.person(server);
    const guest = app.stranger();
    const { link } = await makeLink(owner, { platformId });
    expect(await finishAsGuest(guest, await consentWithLink(guest, link))).toMatchObject({
      status: 400,
      body: { code: 'identity_mismatch' },
    });
    expect(sessionsOf(other.did)).toMatchObject([{ revoked: true }]);
    expect(await connectionsOf(owner, 'customer-1')).toMatchObject([
      { id: platformId, status: 'token_invalid' },
    ]);
    server.signedIn = person.did;
    expect(await finishAsGuest(guest, await consentWithLink(guest, link))).toMatchObject({ status: 200 });
    expect(await tested()).toBe('connected');
  });
});
