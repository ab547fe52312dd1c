import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WatchSchedule } from '../../../src/watch/watch-schedule.js';
import { type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { Watched } from '../../support/watched.js';

const CROWDED = 'https://crowded.invalid';
const SMALL = 'https://small.invalid';
/** More checks than the schedule reads at first. */
const BACKLOG = 5_100;

describe('with thousands of overdue checks of one instance', () => {
  let app: ConnectApp;
  let watched: Watched;
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
    const [small] = await watched.insert(userId, [
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
});
