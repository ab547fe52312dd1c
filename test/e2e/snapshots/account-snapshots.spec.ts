import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AccountSnapshots } from '../../../src/snapshots/account-snapshots.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { withinOneUtcDay } from '../../support/utc-day.js';
import { Watched } from '../../support/watched.js';

const TOKEN = 'token-of-alice-1234567890';

describe('snapshots of accounts', () => {
  let app: ConnectApp;
  let fakes: FakeInstances;
  let watched: Watched;
  let caller: Caller;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(5);
    app = await startConnectApp({ allowlist: fakes.allowlist, env: { WATCH_SPACING_MS: '1' } });
    app.backends.secrets.add(TOKEN);
    watched = new Watched(app.app);
    await withinOneUtcDay();
  });
  beforeEach(async () => {
    await watched.sql('DELETE FROM platform_connections');
    caller = await app.signUp();
  });
  afterEach(() => fakes.closeAll());
  afterAll(() => app.close());

  async function connected() {
    const fake = await fakes.start('mastodon');
    fake.addToken(TOKEN);
    const userId = Number((await caller.send('GET', '/v1/me')).body.id);
    const [id = 0] = await watched.insert(userId, [{ instanceUrl: fake.origin, accessToken: TOKEN }]);
    return { fake, id };
  }

  async function dueRound(): Promise<void> {
    await watched.everythingDue();
    await watched.round();
  }

  const stats = async (id: number) => (await caller.send('GET', `/v1/platforms/${id}/stats`)).body;
  const history = (id: number, query = '') =>
    caller.send<Record<string, unknown>[]>('GET', `/v1/platforms/${id}/stats/history${query}`);

  it('are one a day, the last one, and show in the statistics', async () => {
    const { fake, id } = await connected();
    expect((await stats(id)).account).toBeNull();
    expect((await history(id)).body).toEqual([]);
    await dueRound();
    const today = new Date().toISOString().slice(0, 10);
    const counts = { followers: 12, following: 34, statuses: 56, takenAt: expect.any(String) };
    expect((await stats(id)).account).toEqual(counts);
    expect((await history(id)).body).toEqual([{ date: today, ...counts }]);
    fake.accounts.set('1', { username: 'alice', displayName: 'Alice', followers: 13 });
    const { status } = await caller.send('POST', `/v1/platforms/${id}/test`);
    expect(status).toBe(200);
    expect((await stats(id)).account).toEqual({ ...counts, followers: 13 });
    expect((await history(id)).body).toEqual([{ date: today, ...counts, followers: 13 }]);
  });

  it('are had by day and in order, and of the days asked for only', async () => {
    const { id } = await connected();
    await dueRound();
    await watched.sql(
      `INSERT INTO account_snapshots SELECT $1, (now() AT TIME ZONE 'UTC')::date - n, now(), '1', n, NULL, 5
       FROM generate_series(1, 450) AS n`,
      [id],
    );
    const followers = ({ body }: { body: Record<string, unknown>[] }) => body.map((point) => point.followers);
    expect(followers(await history(id, '?days=3'))).toEqual([2, 1, 12]);
    expect((await history(id)).body).toHaveLength(30);
    expect((await history(id, '?days=365')).body[0]).toMatchObject({ followers: 364, following: null });
    for (const bad of ['0', '366', '-1', '1.5', 'x', '1e2'])
      expect((await history(id, `?days=${bad}`)).status).toBe(400);
  });

  it('go after 400 days', async () => {
    const { id } = await connected();
    await watched.sql(
      `INSERT INTO account_snapshots SELECT $1, (now() AT TIME ZONE 'UTC')::date - n, now(), '1', 1, 1, 1
       FROM generate_series(390, 450) AS n`,
      [id],
    );
    await app.app.get(AccountSnapshots).cleanUp();
    const [left] = await watched.sql('SELECT count(*)::integer FROM account_snapshots');
    expect(left).toEqual({ count: 11 });
  });

  it('of another account are not shown as this one', async () => {
    const { id } = await connected();
    await dueRound();
    await watched.sql(`UPDATE platform_connections SET account_id = '2' WHERE id = $1`, [id]);
    expect((await history(id)).body).toEqual([]);
  });

  it("are nobody else's: the same 404 as for an absent connection", async () => {
    const { id } = await connected();
    const stranger = await app.signUp();
    const foreign = await stranger.send('GET', `/v1/platforms/${id}/stats/history`);
    const absent = await stranger.send('GET', '/v1/platforms/2000000000/stats/history');
    const bare = ({ body }: typeof foreign) => ({ ...body, instance: '', requestId: '' });
    expect(foreign.status).toBe(404);
    expect(bare(foreign)).toEqual(bare(absent));
  });
});
