import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WatchSchedule } from '../../../src/watch/watch-schedule.js';
import { type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { Watched } from '../../support/watched.js';

const CROWDED = 'https://crowded.invalid';
const SMALL = 'https://small.invalid';
const MOVED = 'https://moved.invalid';
const BACKLOG = 50;

describe('with many overdue checks of one instance', () => {
  let app: ConnectApp;
  let watched: Watched;
  let small: number;
  let crowded: readonly number[];
  const due = (limit: number) => app.app.get(WatchSchedule).dueInstances(limit);
  const pause = (hours: number) =>
    watched.sql(
      `INSERT INTO instance_watch (instance_url, retry_at) VALUES ($1, now() + make_interval(hours => $2))
       ON CONFLICT (instance_url) DO UPDATE SET retry_at = excluded.retry_at`,
      [CROWDED, hours],
    );

  beforeAll(async () => {
    app = await startConnectApp({ allowlist: [] });
    watched = new Watched(app.app);
    const caller = await app.signUp();
    const userId = Number((await caller.send('GET', '/v1/me')).body.id);
    const accessToken = app.backends.secrets.make('access-token');
    const at = (instanceUrl: string) => ({ instanceUrl, accessToken });
    [small = 0, ...crowded] = await watched.insert(userId, [
      at(SMALL),
      ...Array.from({ length: BACKLOG }, () => at(CROWDED)),
    ]);
    await watched.sql(
      `UPDATE platform_watch SET next_check_at = now() - make_interval(hours => CASE platform_id WHEN $1 THEN 1 ELSE 2 END)`,
      [small],
    );
  });
  afterAll(() => app.close());

  it('visits the longest overdue instance first, and finds the other behind its checks', async () => {
    expect(await due(1)).toEqual([CROWDED]);
    expect(await due(2)).toEqual([CROWDED, SMALL]);
  });

  it('finds the other instance while the first one is paused', async () => {
    await pause(1);
    expect(await due(2)).toEqual([SMALL]);
    await pause(-1);
    expect(await due(2)).toEqual([CROWDED, SMALL]);
  });

  it('hands out what has failed once before what is longer overdue', async () => {
    const [last = 0] = crowded.slice(-1);
    await watched.sql(
      `UPDATE platform_watch SET broken_checks = 1, next_check_at = now() - interval '1 minute' WHERE platform_id = $1`,
      [last],
    );
    const claimed = await app.app.get(WatchSchedule).claim(CROWDED, 10, 60_000);
    expect(claimed).toHaveLength(10);
    expect(claimed[0]?.platformId).toBe(last);
    expect(await app.app.get(WatchSchedule).claim(CROWDED, 100, 60_000)).toHaveLength(BACKLOG - 10);
    expect(await due(2)).toEqual([SMALL]);
  });

  it('finds a connection at the instance that it has moved to', async () => {
    await watched.sql('UPDATE platform_connections SET instance_url = $1 WHERE id = $2', [MOVED, small]);
    expect(await due(2)).toEqual([MOVED]);
    const claimed = await app.app.get(WatchSchedule).claim(MOVED, 10, 60_000);
    expect(claimed.map(({ platformId }) => platformId)).toEqual([small]);
  });
});
