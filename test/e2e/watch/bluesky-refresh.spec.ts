import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { NeedsReconnect } from '../../../src/platforms/platforms.errors.js';
import { BlueskyAccess } from '../../../src/platforms/renewal/bluesky-access.js';
import { TokenRefresh } from '../../../src/platforms/renewal/token-refresh.js';
import { Backends } from '../../support/backends.js';
import { BlueskyNetwork } from '../../support/fake-instance/bluesky-network.js';
import { connectBluesky } from '../../support/fake-instance/bluesky-steps.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { BlueskyAccount, FakeBluesky } from '../../support/fake-instance/fake-bluesky.js';
import { Watched } from '../../support/watched.js';

let backends: Backends;
let network: BlueskyNetwork;
let apps: ConnectApp[];
let watched: Watched;
let server: FakeBluesky;

beforeAll(async () => {
  network = await BlueskyNetwork.start();
  backends = await Backends.create();
  server = await network.server();
  const options = { backends, allowlist: network.allowlist, env: { ...network.env, WATCH_SPACING_MS: '1' } };
  apps = [await startConnectApp(options), await startConnectApp(options)];
  watched = new Watched(first().app);
});
afterAll(async () => {
  await first().expectCleanRecord();
  for (const app of apps) await app.close();
  await backends.remove();
  await network.close();
});

const first = (): ConnectApp => apps[0] as ConnectApp;

interface Connection {
  readonly caller: Caller;
  readonly person: BlueskyAccount;
  readonly id: number;
  readonly path: string;
}

async function connection(): Promise<Connection> {
  const caller = await first().signUp();
  const person = network.person(server);
  const id = await connectBluesky(caller, person.handle);
  return { caller, person, id, path: `/v1/platforms/${id}` };
}

/** As after an hour: the token has expired here and at the server. */
async function spend({ id, person }: Connection): Promise<void> {
  server.oauth.expireTokens(person.did);
  await watched.sql(
    `UPDATE platform_connections SET token_expires_at = now() - interval '1 second' WHERE id = $1`,
    [id],
  );
}

const sessionsOf = ({ person }: Connection) => server.oauth.sessions.filter(({ did }) => did === person.did);
const status = async ({ caller, path }: Connection) => (await caller.send('GET', path)).body.status;
const tested = async ({ caller, path }: Connection) => (await caller.send('POST', `${path}/test`)).body;

async function round(): Promise<void> {
  await watched.everythingDue();
  await watched.round();
}

it('a round of the watcher refreshes a token that is due, and each refresh token is used once', async () => {
  const one = await connection();
  const before = await watched.row(one.id);
  for (const turn of [1, 2, 3]) {
    await spend(one);
    const { refreshes } = server.oauth;
    await round();
    expect([turn, server.oauth.refreshes - refreshes, await status(one)]).toEqual([turn, 1, 'connected']);
  }
  const after = await watched.row(one.id);
  expect(after.token_expires_at?.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
  expect(after.access_token).not.toBe(before.access_token);
  expect(sessionsOf(one)).toHaveLength(1);
});

it('a nonce that has become stale costs one more request, not the refresh token', async () => {
  const one = await connection();
  await spend(one);
  server.authorizationNonces.rotate();
  const { refused } = server.authorizationNonces;
  const { refreshes } = server.oauth;
  expect(await tested(one)).toMatchObject({ outcome: 'connected' });
  expect([server.authorizationNonces.refused - refused, server.oauth.refreshes - refreshes]).toEqual([1, 1]);
});

it('a token that has expired is refreshed before it is used, once by two processes', async () => {
  const one = await connection();
  await spend(one);
  const { refreshes } = server.oauth;
  const outcomes = await Promise.all(
    [...apps, ...apps].map(async ({ baseUrl }) => tested({ ...one, caller: one.caller.at(baseUrl) })),
  );
  expect(outcomes).toEqual(outcomes.map(() => expect.objectContaining({ outcome: 'connected' })));
  expect(server.oauth.refreshes - refreshes).toBe(1);
});

it('who has read the old token before another process exchanged it does not exchange the new one', async () => {
  const one = await connection();
  await spend(one);
  const { token_expires_at: tokenExpiresAt } = await watched.row(one.id);
  const { refreshes } = server.oauth;
  for (const { app } of apps)
    expect(await app.get(TokenRefresh).refreshSpent({ id: one.id, tokenExpiresAt })).toBeNull();
  expect(server.oauth.refreshes - refreshes).toBe(1);
});

it('two processes that find the same token due exchange it once', async () => {
  const one = await connection();
  await spend(one);
  const { refreshes } = server.oauth;
  const outcomes = await Promise.all(apps.map(({ app }) => app.get(TokenRefresh).refresh(one.id)));
  expect(outcomes.sort()).toEqual(['not_due', 'refreshed']);
  expect(server.oauth.refreshes - refreshes).toBe(1);
});

it('a session that was ended at the server is seen by one round', async () => {
  const one = await connection();
  for (const session of sessionsOf(one)) server.oauth.end(session);
  await spend(one);
  await round();
  expect(await status(one)).toBe('token_invalid');
  expect((await watched.row(one.id)).refresh_token).toBeNull();
});

it('a refresh that an outage of the authorization server prevents is tried again, and asks for no new consent', async () => {
  const pds = await network.server(server);
  const caller = await first().signUp();
  const person = network.person(pds);
  server.signedIn = person.did;
  const id = await connectBluesky(caller, person.handle);
  const one = { caller, person, id, path: `/v1/platforms/${id}` };
  await spend(one);
  server.failing = true;
  await round();
  await round();
  expect(await status(one)).toBe('instance_error');
  expect(await tested(one)).toMatchObject({ outcome: 'instance_error' });
  server.failing = false;
  expect(await tested(one)).toMatchObject({ outcome: 'connected' });
});

it('a refresh of an account that has moved to another authorization server is not tried there', async () => {
  const elsewhere = await network.server();
  const one = await connection();
  network.move(one.person, server, elsewhere);
  await spend(one);
  await round();
  await round();
  expect(await status(one)).toBe('account_moved');
  expect(elsewhere.requests.filter((asked) => asked.startsWith('POST'))).toEqual([]);
});

it('opens the way to the account for requests of others: a fresh token, the right server, proofs and their nonces', async () => {
  const pds = await network.server(server);
  const one = await connection();
  network.move(one.person, server, pds);
  await spend(one);
  const way = await first().app.get(BlueskyAccess).open(one.id);
  expect(way.origin).toBe(pds.origin);
  const path = '/xrpc/com.atproto.server.getSession';
  const ask = async (query = ''): Promise<[number, boolean]> => {
    const headers = await way.headers('GET', path + query);
    const answer = await fetch(way.origin + path + query, { headers: { ...headers } });
    return [answer.status, way.heard(answer.status, Object.fromEntries(answer.headers))];
  };
  pds.resourceNonces.rotate();
  expect(await ask()).toEqual([401, true]);
  expect(await ask()).toEqual([200, false]);
  expect(await ask('?with=a-query')).toEqual([200, false]);
  const elsewhere = await network.server();
  network.move(one.person, pds, elsewhere);
  await expect(first().app.get(BlueskyAccess).open(one.id)).rejects.toThrow(NeedsReconnect);
});
