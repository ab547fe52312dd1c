import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { CredentialCipher } from '../../../src/credentials/credential-cipher.js';
import { RefreshTokenCipher } from '../../../src/credentials/refresh-token-cipher.js';
import { instanceTypeOf } from '../../../src/instances/software.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { Watched } from '../../support/watched.js';

const VERIFY = '/api/v1/accounts/verify_credentials';
const TOKEN_PATH = '/oauth/token';

interface Connected {
  readonly id: number;
  readonly accessToken: string;
  readonly refreshToken: string;
}

describe('tokens that can be refreshed', () => {
  let backends: Backends;
  const apps: ConnectApp[] = [];
  let watched: Watched;
  let other: Watched;
  let caller: Caller;
  let userId: number;
  let fakes: FakeInstances;
  const secrets: string[] = [];

  beforeAll(async () => {
    backends = await Backends.create();
    fakes = await FakeInstances.atMost(30);
    const { allowlist } = fakes;
    const env = {
      DATABASE_STATEMENT_TIMEOUT_MS: '4000',
      INSTANCE_TIMEOUT_MS: '6000',
      WATCH_SPACING_MS: '1',
    };
    for (let n = 0; n < 2; n++) apps.push(await startConnectApp({ allowlist, backends, env }));
    watched = new Watched(app().app);
    other = new Watched(app(1).app);
  });
  beforeEach(async () => {
    await watched.sql('DELETE FROM platform_connections');
    caller = await app().signUp();
    userId = Number((await caller.send('GET', '/v1/me')).body.id);
  });
  afterEach(() => fakes.closeAll());
  afterAll(async () => {
    const log = apps.flatMap((one) => one.log).join('\n');
    const stored = JSON.stringify(await watched.sql('SELECT * FROM platform_connections'));
    const given = [...secrets, ...fakes.secrets];
    expect(given.length).toBeGreaterThan(10);
    for (const secret of given) expect(log + stored).not.toContain(secret);
    await app().expectCleanRecord();
    for (const one of apps) await one.close();
    await backends.remove();
  });

  function app(index = 0): ConnectApp {
    const found = apps[index];
    if (found === undefined) throw new Error('It has not been started.');
    return found;
  }

  /** A connection as OAuth leaves it. */
  async function connect(fake: FakeInstance, expiresInSeconds: number): Promise<Connected> {
    fake.oauth.register(new URLSearchParams({ redirect_uris: 'https://app.example/', scopes: 'read' }));
    const [registered] = fake.oauth.apps.values();
    if (registered === undefined) throw new Error('The fake registered nothing.');
    fake.oauth.issue({ accountId: '1', clientId: registered.clientId, scopes: 'read' });
    const accessToken = [...fake.oauth.tokens.keys()].at(-1) ?? '';
    const refreshToken = [...fake.oauth.refreshTokens.keys()].at(-1) ?? '';
    secrets.push(accessToken, refreshToken, registered.clientSecret);
    if (fake.oauth.apps.size === 1) await watched.register(fake.origin, registered);
    const [id = 0] = await watched.insert(userId, [
      {
        instanceUrl: fake.origin,
        platformType: instanceTypeOf(fake.behaviour.name) ?? 'mastodon_api',
        accessToken,
        app: { clientId: registered.clientId },
        refreshToken,
        expiresInSeconds,
      },
    ]);
    return { id, accessToken, refreshToken };
  }

  async function opened(id: number) {
    const row = await watched.row(id);
    const [{ clientKey, clientSecret, instanceUrl, username, keyId, seal } = {} as Record<string, string>] =
      await watched.sql<Record<string, string>>(
        `SELECT client_key AS "clientKey", client_secret AS "clientSecret", instance_url AS "instanceUrl", username,
         key_id AS "keyId", seal FROM platform_connections WHERE id = $1`,
        [id],
      );
    const owner = { userId, id, instanceUrl: instanceUrl ?? '', username: username ?? null };
    const sealed = {
      accessToken: row.access_token,
      clientKey: clientKey ?? null,
      clientSecret: clientSecret ?? null,
      keyId: keyId ?? '',
      seal: seal ?? null,
    };
    const { refresh_token: refreshToken } = row;
    return {
      row,
      owner,
      credentials: app().app.get(CredentialCipher).decrypt(owner, sealed),
      refreshToken:
        refreshToken === null ? null : app().app.get(RefreshTokenCipher).decrypt(owner, refreshToken),
    };
  }

  async function dueRound(): Promise<void> {
    await watched.everythingDue();
    await watched.round();
  }

  /** As if the pause after an attempt that failed were over. */
  const refreshDue = () => watched.sql(`UPDATE platform_watch SET refresh_at = now() - interval '1 second'`);

  const refreshes = (fake: FakeInstance) =>
    fake.asked(TOKEN_PATH).filter(({ form }) => form.get('grant_type') === 'refresh_token');

  it.each([
    [600, 450],
    [30 * 86_400, 23 * 86_400],
    [365 * 86_400, 358 * 86_400],
  ])('are refreshed in the last quarter of their life or its last seven days: %d s', async (life, after) => {
    const fake = await fakes.start('pleroma');
    const { id } = await connect(fake, life);
    const [plan] = await watched.sql<{ seconds: number }>(
      `SELECT extract(epoch FROM refresh_at - now())::float8 AS seconds FROM platform_watch WHERE platform_id = $1`,
      [id],
    );
    expect(Math.abs((plan?.seconds ?? 0) - after)).toBeLessThan(60);
    await dueRound();
    expect(refreshes(fake)).toEqual([]);
    const [next] = await watched.sql<{ seconds: number }>(
      `SELECT extract(epoch FROM next_check_at - now())::float8 AS seconds FROM platform_watch WHERE platform_id = $1`,
      [id],
    );
    expect(next?.seconds).toBeLessThan(Math.min(after, 24_000));
  });

  it.each(['pleroma', 'pixelfed', 'something-new'] as const)(
    'of %s are exchanged, sealed and checked, and the next ones planned',
    async (software) => {
      const fake = await fakes.start(software);
      const before = await connect(fake, -1);
      await dueRound();
      const { row, credentials, refreshToken } = await opened(before.id);
      expect(fake.oauth.tokens.has(credentials?.accessToken ?? '')).toBe(true);
      expect(credentials?.accessToken).not.toBe(before.accessToken);
      expect(credentials).toMatchObject({ clientKey: [...fake.oauth.apps.keys()][0], clientSecret: null });
      expect(fake.oauth.refreshTokens.has(refreshToken ?? '')).toBe(true);
      expect(refreshToken).not.toBe(before.refreshToken);
      const life = (fake.behaviour.tokenLifetimeSeconds ?? 0) * 1000;
      expect(Math.abs((row.token_expires_at?.getTime() ?? 0) - Date.now() - life)).toBeLessThan(60_000);
      expect(row.status).toBe('connected');
      expect(fake.asked(VERIFY).map(({ authorization }) => authorization)).toEqual([
        `Bearer ${credentials?.accessToken}`,
      ]);
      await dueRound();
      expect(refreshes(fake)).toHaveLength(1);
    },
  );

  it('are exchanged once, however many processes and rounds are at it', async () => {
    const fake = await fakes.start('pleroma');
    const before = await connect(fake, -1);
    await watched.everythingDue();
    const gate = fake.hold(TOKEN_PATH);
    const rounds = [watched.round(), other.round(), watched.round(), other.round()];
    await gate.arrived;
    // Even for one who does not mind that the instance is being visited, and finds it due.
    await watched.everythingDue();
    rounds.push(other.round());
    gate.open();
    await Promise.all(rounds);
    await Promise.all([watched.round(), other.round()]);
    expect(refreshes(fake)).toHaveLength(1);
    const { credentials } = await opened(before.id);
    expect(fake.oauth.tokens.has(credentials?.accessToken ?? '')).toBe(true);
  });

  it.each(['server-error', 'no-such-status', 'silent', 'hang-up', 'html', 'broken-json'] as const)(
    'stay, and are tried again later, when the instance has trouble: %s',
    async (how) => {
      const fake = await fakes.start('pleroma');
      const before = await connect(fake, 60);
      await refreshDue();
      fake.misbehaviours.set(TOKEN_PATH, how);
      await dueRound();
      expect(await opened(before.id)).toMatchObject({
        credentials: { accessToken: before.accessToken },
        refreshToken: before.refreshToken,
      });
      await dueRound();
      expect(refreshes(fake)).toHaveLength(1);
      fake.misbehaviours.clear();
      await refreshDue();
      await dueRound();
      expect(refreshes(fake)).toHaveLength(2);
      expect((await opened(before.id)).credentials?.accessToken).not.toBe(before.accessToken);
    },
  );

  it('that are refused are not tried again; the access token counts until it is refused itself', async () => {
    const fake = await fakes.start('pleroma');
    const before = await connect(fake, 60);
    await refreshDue();
    fake.oauth.refreshTokens.clear();
    await dueRound();
    const { row, credentials, refreshToken } = await opened(before.id);
    expect([row.status, credentials?.accessToken, refreshToken]).toEqual([
      'connected',
      before.accessToken,
      null,
    ]);
    fake.oauth.tokens.clear();
    await refreshDue();
    await dueRound();
    await dueRound();
    expect(refreshes(fake)).toHaveLength(1);
    expect((await watched.row(before.id)).status).toBe('token_invalid');
  });

  it('do not overwrite what a user saves meanwhile', async () => {
    const fake = await fakes.start('pleroma');
    const { id } = await connect(fake, -1);
    await watched.everythingDue();
    const gate = fake.hold(TOKEN_PATH);
    const round = watched.round();
    await gate.arrived;
    const mine = 'the-token-that-the-user-has-saved';
    expect((await caller.send('PATCH', `/v1/platforms/${id}`, { accessToken: mine })).status).toBe(200);
    gate.open();
    await round;
    expect(await opened(id)).toMatchObject({ credentials: { accessToken: mine }, refreshToken: null });
  });

  it('are stored also when a key rotation has written the row in other words meanwhile', async () => {
    const fake = await fakes.start('pleroma');
    const before = await connect(fake, -1);
    await watched.everythingDue();
    const gate = fake.hold(TOKEN_PATH);
    const round = watched.round();
    await gate.arrived;
    const { owner, credentials, refreshToken } = await opened(before.id);
    if (credentials === null || refreshToken === null) throw new Error('The row cannot be opened.');
    const sealed = app().app.get(CredentialCipher).encrypt(owner, credentials);
    const wrapped = app().app.get(RefreshTokenCipher).encrypt(owner, refreshToken);
    await watched.sql(
      `UPDATE platform_connections SET access_token = $2, client_key = $3, client_secret = $4, seal = $5,
         refresh_token = $6 WHERE id = $1`,
      [before.id, sealed.accessToken, sealed.clientKey, sealed.clientSecret, sealed.seal, wrapped],
    );
    gate.open();
    await round;
    const after = await opened(before.id);
    expect(fake.oauth.tokens.has(after.credentials?.accessToken ?? '')).toBe(true);
    expect(after.credentials?.accessToken).not.toBe(before.accessToken);
  });

  it('are not lost when the database is away at the moment when they come', async () => {
    const fake = await fakes.start('pleroma');
    const before = await connect(fake, -1);
    await watched.everythingDue();
    const gate = fake.hold(TOKEN_PATH);
    const round = watched.round();
    await gate.arrived;
    const client = new pg.Client({ connectionString: backends.databaseUrl });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN');
    await client.query('LOCK TABLE platform_connections IN ACCESS EXCLUSIVE MODE');
    gate.open();
    const blocked = async (): Promise<boolean> => {
      const rows = await watched.sql(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
           AND query ~* 'platform_?connection'`,
      );
      return rows.length > 0;
    };
    const wait = { timeoutMs: 30_000, intervalMs: 20 } as const;
    try {
      await waitUntil(blocked, { ...wait, what: 'a statement that waits for the table' });
      await waitUntil(async () => !(await blocked()), { ...wait, what: 'the statement to be given up' });
    } finally {
      await client.query('COMMIT');
      await client.end();
    }
    await round;
    const { credentials } = await opened(before.id);
    expect(fake.oauth.tokens.has(credentials?.accessToken ?? '')).toBe(true);
    expect(credentials?.accessToken).not.toBe(before.accessToken);
  }, 120_000);

  it('are sent nowhere when the row cannot be opened, or its registration is gone', async () => {
    const fake = await fakes.start('pleroma');
    const { id } = await connect(fake, -1);
    await watched.sql(`UPDATE platform_connections SET seal = 'broken' WHERE id = $1`, [id]);
    await dueRound();
    expect(fake.connections).toBe(0);
    const [bare = 0] = await watched.insert(userId, [
      {
        instanceUrl: fake.origin,
        accessToken: 'a-token-of-nobody',
        refreshToken: 'one',
        expiresInSeconds: -1,
        app: { clientId: 'not-registered' },
      },
    ]);
    await dueRound();
    expect(refreshes(fake)).toEqual([]);
    expect((await watched.row(bare)).status).toBe('token_invalid');
  });

  it('are forecast in the metrics by when they end', async () => {
    const fake = await fakes.start('pleroma');
    for (const seconds of [-60, 3600, 3 * 86_400, 20 * 86_400, 100 * 86_400]) await connect(fake, seconds);
    const env = { WATCH_ENABLED: 'true', WATCH_ROUND_SECONDS: '3600' };
    const watching = await startConnectApp({ allowlist: [], backends, env });
    try {
      const metrics = async () => String((await caller.send('GET', `${watching.baseUrl}/metrics`)).body.text);
      await waitUntil(async () => (await metrics()).includes('within="30d"'), {
        timeoutMs: 30_000,
        what: 'the forecast',
      });
      const values = [...(await metrics()).matchAll(/^platform_tokens_expiring\{within="(\w+)"\} (\d+)$/gm)];
      expect(Object.fromEntries(values.map(([, name, value]) => [name, Number(value)]))).toEqual({
        expired: 1,
        '1d': 1,
        '7d': 2,
        '30d': 3,
      });
    } finally {
      await watching.close();
    }
  });
});
