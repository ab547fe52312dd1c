import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../../support/barrier.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { freePort } from '../../support/servers/free-port.js';
import { Watched } from '../../support/watched.js';

const TOKEN = 'token-of-alice-1234567890';
const HIT = 'platform-manager; hit';

describe('a snapshot that comes while the statistics are cached', () => {
  let app: ConnectApp;
  let watched: Watched;
  let fake: FakeInstance;
  let caller: Caller;
  let userId: number;
  let id: number;

  beforeAll(async () => {
    const port = await freePort();
    app = await startConnectApp({ allowlist: [`127.0.0.1:${port}`], env: { WATCH_SPACING_MS: '1' } });
    app.backends.secrets.add(TOKEN);
    watched = new Watched(app.app);
    fake = await startFakeInstance('mastodon', { port });
    fake.addToken(TOKEN);
  });
  beforeEach(async () => {
    await watched.sql('DELETE FROM platform_connections');
    await watched.sql('DELETE FROM platform_changes');
    caller = await app.signUp();
    userId = Number((await caller.send('GET', '/v1/me')).body.id);
    [id = 0] = await watched.insert(userId, [{ instanceUrl: fake.origin, accessToken: TOKEN }]);
    await watch();
    await settled();
    for (const path of ['', `/${id}`, `/${id}/stats`]) await cached(path);
  });
  afterAll(async () => {
    await fake.close();
    await app.close();
  });

  const read = (path: string) => caller.send('GET', `/v1/platforms${path}`);
  const followers = async () =>
    ((await read(`/${id}/stats`)).body.account as { followers: number } | null)?.followers;

  async function watch(): Promise<void> {
    await watched.everythingDue();
    await watched.round();
  }

  /** The relay drops once more what a writer has dropped. */
  async function settled(): Promise<void> {
    const drained = async () =>
      (await watched.sql('SELECT 1 FROM platform_changes WHERE drained_at IS NULL')).length === 0;
    await waitUntil(drained, { timeoutMs: 30_000, what: 'the outbox to be drained' });
  }

  async function cached(path: string): Promise<void> {
    await read(path);
    const again = await read(path);
    expect([path, again.headers.get('cache-status'), again.body]).toEqual([path, HIT, expect.anything()]);
  }

  it('shows at once when a check finds nothing else new, which is no new version, no event, and leaves the connection cached', async () => {
    const before = await watched.row(id);
    const types = async () =>
      (await watched.sql<{ type: string }>('SELECT type FROM platform_changes ORDER BY id')).map(
        ({ type }) => type,
      );
    const recorded = (await types()).length;
    fake.accounts.set('1', { username: 'alice', displayName: 'Alice', followers: 4711 });
    await watch();
    expect(await followers()).toBe(4711);
    await settled();
    expect(await watched.row(id)).toEqual(before);
    expect((await types()).slice(recorded)).toEqual(['stats.changed']);
    for (const path of ['', `/${id}`]) expect((await read(path)).headers.get('cache-status')).toBe(HIT);
  });

  it.each([
    ['written', 'UPDATE account_snapshots SET followers = 7 WHERE platform_id = $1', 7],
    ['removed', 'DELETE FROM account_snapshots WHERE platform_id = $1', undefined],
    ['truncated', 'TRUNCATE account_snapshots', undefined],
  ])(
    'shows long before its entry expires when it was %s by SQL, or by a process that died after COMMIT',
    async (_, sql, shown) => {
      await watched.sql(sql, sql.includes('$1') ? [id] : []);
      await waitUntil(async () => (await followers()) === shown, {
        timeoutMs: 30_000,
        what: 'the statistics to follow',
      });
    },
  );

  it('shows long before its entry expires when the last one is given to another connection, or made older than the one before it', async () => {
    const [other = 0] = await watched.insert(userId, [{ instanceUrl: fake.origin, accessToken: TOKEN }]);
    await watched.sql(
      `INSERT INTO account_snapshots SELECT platform_id, taken_on - n, taken_at, account_id, n, 1, 1
       FROM account_snapshots, generate_series(1, 2) AS n WHERE platform_id = $1`,
      [id],
    );
    const last =
      'platform_id = $1 AND taken_on = (SELECT max(taken_on) FROM account_snapshots WHERE platform_id = $1)';
    for (const [change, shown] of [
      [`platform_id = ${other}`, 1],
      ['taken_on = taken_on - 30', 2],
    ] as const) {
      await settled();
      await cached(`/${id}/stats`);
      await watched.sql(`UPDATE account_snapshots SET ${change} WHERE ${last}`, [id]);
      await waitUntil(async () => (await followers()) === shown, {
        timeoutMs: 30_000,
        what: 'the one before it',
      });
    }
  });

  it('is no change when it is older than the one that shows', async () => {
    await watched.sql(
      `INSERT INTO account_snapshots SELECT platform_id, taken_on - 1, taken_at, account_id, 1, 1, 1
       FROM account_snapshots WHERE platform_id = $1`,
      [id],
    );
    await watched.sql('DELETE FROM account_snapshots WHERE platform_id = $1 AND followers = 1', [id]);
    const recorded = await watched.sql(`SELECT 1 FROM platform_changes WHERE type = 'stats.changed'`);
    expect(recorded).toHaveLength(1);
    expect((await read(`/${id}/stats`)).headers.get('cache-status')).toBe(HIT);
  });
});
