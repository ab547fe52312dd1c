import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { begin, finish } from '../../support/fake-instance/oauth-steps.js';
import { insertRegistration } from '../../support/insert-connections.js';
import { Watched } from '../../support/watched.js';

describe("the client secret of this application's registration at an instance", () => {
  let backends: Backends;
  let app: ConnectApp;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(5);
    backends = await Backends.create();
    app = await startConnectApp({ allowlist: fakes.allowlist, backends });
  });
  afterEach(() => fakes.closeAll());
  afterAll(async () => {
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
  });

  async function revealed(caller: Caller, id: unknown) {
    const reason = { reason: 'To see what is in it' };
    return (await caller.send('POST', `/v1/platforms/${String(id)}/credentials`, reason)).body;
  }

  const secretsOf = (fake: FakeInstance) =>
    [...fake.oauth.apps.values()].map(({ clientSecret }) => clientSecret);
  const sentBy = (fake: FakeInstance, path: string, type: string | null) =>
    fake.asked(path).filter(({ form }) => form.get('grant_type') === type);

  /** The watcher refreshes the token of the connection, as after a long time. */
  async function refresh(id: unknown): Promise<void> {
    const watched = new Watched(app.app);
    await watched.everythingDue();
    await watched.sql(
      `UPDATE platform_watch SET refresh_at = now() - interval '1 second' WHERE platform_id = $1`,
      [id],
    );
    await watched.round();
  }

  /** Whether a statement waits for a lock. */
  async function isWaiting(): Promise<boolean> {
    const rows = await backends.rows(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
         AND query LIKE '%FOR NO KEY UPDATE%'`,
    );
    return rows.length > 0;
  }

  it.each(['pleroma', 'pixelfed', 'friendica'] as const)(
    'is in no connection to %s and in no reveal',
    async (software) => {
      const fake = await fakes.start(software);
      const caller = await app.signUp();
      const { platformId } = (await finish(caller, begin(caller, fake))).body;
      const [{ clientId } = { clientId: '' }] = fake.oauth.apps.values();
      expect(await revealed(caller, platformId)).toMatchObject({ clientKey: clientId, clientSecret: null });
      const [row] = await backends.rows('SELECT client_secret FROM platform_connections WHERE id = $1', [
        platformId,
      ]);
      expect(row).toEqual({ client_secret: null });
    },
  );

  it('still refreshes and revokes the tokens', async () => {
    const fake = await fakes.start('pleroma');
    const caller = await app.signUp();
    const { platformId } = (await finish(caller, begin(caller, fake))).body;
    const before = await revealed(caller, platformId);
    await refresh(platformId);
    expect(sentBy(fake, '/oauth/token', 'refresh_token')).toHaveLength(1);
    const after = await revealed(caller, platformId);
    expect(after.accessToken).not.toBe(before.accessToken);
    expect(after).toMatchObject({ clientKey: before.clientKey, clientSecret: null });
    expect((await caller.send('DELETE', `/v1/platforms/${String(platformId)}?revoke=true`)).status).toBe(204);
    const [revocation] = sentBy(fake, '/oauth/revoke', null);
    expect(revocation?.form.get('client_secret')).toBe(secretsOf(fake)[0]);
    expect(fake.oauth.tokens.has(String(after.accessToken))).toBe(false);
  });

  it('leaves the connections that hold a copy of it at the next start; what users typed stays', async () => {
    const fake = await fakes.start('pleroma');
    const caller = await app.signUp();
    const userId = Number((await caller.send('GET', '/v1/me')).body.id);
    const redirectUri = `${app.baseUrl}/v1/connect/callback`;
    fake.oauth.register(new URLSearchParams({ redirect_uris: redirectUri, scopes: 'read' }));
    const [registered] = fake.oauth.apps.values();
    if (registered === undefined) throw new Error('The fake registered nothing.');
    const query = (text: string, values: unknown[]) => backends.rows<never>(text, values);
    await insertRegistration(query, backends.keyRing, fake.origin, registered);
    fake.oauth.issue({ accountId: '1', clientId: registered.clientId, scopes: 'read' });
    const [accessToken = ''] = fake.oauth.tokens.keys();
    const [refreshToken = ''] = fake.oauth.refreshTokens.keys();
    const typed = { clientId: 'typed-by-its-user', clientSecret: backends.secrets.make('typed') };
    const common = { instanceUrl: fake.origin, platformType: 'pleroma', accessToken };
    const [copy = 0, own = 0] = await new Watched(app.app).insert(userId, [
      { ...common, app: registered, refreshToken, expiresInSeconds: 60 },
      { ...common, app: typed },
    ]);
    expect(await revealed(caller, copy)).toMatchObject({ clientSecret: registered.clientSecret });

    // A write of the connection that is under way, as by a batch of last_used, delays the start and is not passed over.
    const writer = new pg.Client({ connectionString: backends.databaseUrl });
    await writer.connect();
    await writer.query('BEGIN');
    await writer.query('UPDATE platform_connections SET last_used = now() WHERE id = $1', [copy]);
    const starting = startConnectApp({ allowlist: fakes.allowlist, backends });
    await waitUntil(isWaiting, { timeoutMs: 60_000, what: 'the start to wait for the row' });
    await writer.query('COMMIT');
    await writer.end();

    const upgraded = await starting;
    try {
      await backends.settled();
      const client = caller.at(upgraded.baseUrl);
      expect(await revealed(client, copy)).toMatchObject({
        accessToken,
        clientKey: registered.clientId,
        clientSecret: null,
      });
      expect(await revealed(client, own)).toMatchObject({
        clientKey: typed.clientId,
        clientSecret: typed.clientSecret,
      });
      expect((await client.send('GET', `/v1/platforms/${copy}`)).body).toMatchObject({ version: 2 });
      await refresh(copy);
      expect((await revealed(client, copy)).accessToken).not.toBe(accessToken);
    } finally {
      await upgraded.close();
    }
  });
});
