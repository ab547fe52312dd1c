import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AppConfig } from '../../../src/config/app-config.js';
import { presenceOf } from '../../../src/instances/host-names.js';
import { PlatformChecks } from '../../../src/platforms/checks/platform-checks.js';
import { TokenRefresh } from '../../../src/platforms/renewal/token-refresh.js';
import { InstanceVisit } from '../../../src/watch/instance-visit.js';
import { WatchMeter } from '../../../src/watch/watch-meter.js';
import { WatchSchedule } from '../../../src/watch/watch-schedule.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { NameServer, TYPE_A } from '../../support/servers/name-server.js';
import { Watched } from '../../support/watched.js';

/** RFC 6761: no name server knows this name, so no request can ever be made. */
const ORIGIN = 'https://vanished.invalid';
const WEEK_SECONDS = 7 * 86_400;

describe('an instance whose name has vanished', () => {
  let app: ConnectApp;
  let watched: Watched;
  let caller: Caller;
  let names: NameServer;
  let ids: readonly number[];

  beforeAll(async () => {
    names = await NameServer.start({});
    app = await startConnectApp({ allowlist: [], env: { WATCH_SPACING_MS: '1' } });
    watched = new Watched(app.app);
    caller = await app.signUp();
  });
  beforeEach(async () => {
    names.records = {};
    await watched.sql('DELETE FROM platform_connections');
    await watched.sql('DELETE FROM instance_watch');
    const userId = Number((await caller.send('GET', '/v1/me')).body.id);
    const input = { instanceUrl: ORIGIN, accessToken: app.backends.secrets.make('access-token') };
    ids = await watched.insert(userId, [input, input, input]);
  });
  afterAll(async () => {
    names.close();
    await app.close();
  });

  /** One visit when everything is due, as the watcher makes it, but for the name server that it asks. */
  async function visit() {
    await watched.everythingDue();
    const tools = {
      schedule: app.app.get(WatchSchedule),
      checks: app.app.get(PlatformChecks),
      refresh: app.app.get(TokenRefresh),
      meter: app.app.get(WatchMeter),
      presence: (origin: string) => presenceOf(origin, new Set(), [names.address]),
    };
    const signal = new AbortController().signal;
    return new InstanceVisit(tools, app.app.get(AppConfig), ORIGIN, signal).run();
  }

  const statuses = async () =>
    (await Promise.all(ids.map((id) => watched.row(id)))).map(({ status }) => status);
  const vanishedDays = async () =>
    (
      await watched.sql<{ days: number | null }>(
        `SELECT round(extract(epoch FROM now() - vanished_at) / 86400)::integer AS days FROM instance_watch`,
      )
    )[0]?.days;
  const daysPass = (days: number) =>
    watched.sql(`UPDATE instance_watch SET vanished_at = vanished_at - make_interval(days => $1)`, [days]);

  it('is gone after 30 days for all its connections, and is looked for once a week', async () => {
    expect(await visit()).toBe('unreachable');
    expect((await statuses()).toSorted()).toEqual(['instance_unreachable', 'unchecked', 'unchecked']);
    await daysPass(29);
    await visit();
    expect(await statuses()).not.toContain('instance_gone');
    expect(await vanishedDays()).toBe(29);
    expect((await watched.instance(ORIGIN)).waitSeconds).toBeLessThan(WEEK_SECONDS / 7);

    await daysPass(1);
    expect(await visit()).toBe('unreachable');
    expect(await statuses()).toEqual(['instance_gone', 'instance_gone', 'instance_gone']);
    const { waitSeconds } = await watched.instance(ORIGIN);
    expect(Math.abs(waitSeconds - WEEK_SECONDS)).toBeLessThanOrEqual(0.1 * WEEK_SECONDS + 60);
    const path = `/v1/platforms/${ids[0]}`;
    expect((await caller.send('GET', path)).body).toMatchObject({
      status: 'instance_gone',
      lastError: 'The name of the instance has not existed for 30 days. It is looked for once a week.',
    });
    // Testing by hand does not forget for how long.
    expect((await caller.send('POST', `${path}/test`)).body).toMatchObject({ outcome: 'instance_gone' });
  });

  it('is asked as usual once its name is there again', async () => {
    await visit();
    await daysPass(30);
    await visit();
    expect(await statuses()).toContain('instance_gone');
    names.records = { [TYPE_A]: [[192, 0, 2, 1]] };
    await visit();
    // By the name server of this machine, it cannot be reached yet.
    expect(await statuses()).toContain('instance_unreachable');
    expect(await vanishedDays()).toBeNull();
  });

  it('is not taken for gone where the name server cannot say, nor forgotten', async () => {
    names.records = 'failing';
    await visit();
    expect(await vanishedDays()).toBeNull();
    names.records = {};
    await visit();
    await daysPass(30);
    names.records = 'failing';
    await visit();
    expect(await vanishedDays()).toBe(30);
    expect(await statuses()).toContain('instance_gone');
  });
});
