import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { Watched } from '../../support/watched.js';

const VERIFY = '/api/v1/accounts/verify_credentials';
const SPACING_MS = 25;
const TIMEOUT_MS = 5000;
const TOKEN = 'token-of-alice-1234567890';

describe('the watcher', () => {
  let app: ConnectApp;
  let watched: Watched;
  let caller: Caller;
  let userId: number;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(90);
    const { allowlist } = fakes;
    const env = { INSTANCE_TIMEOUT_MS: String(TIMEOUT_MS), WATCH_SPACING_MS: String(SPACING_MS) };
    app = await startConnectApp({ allowlist, env });
    app.backends.secrets.add(TOKEN);
    watched = new Watched(app.app);
  });
  beforeEach(async () => {
    await watched.sql('DELETE FROM platform_connections');
    await watched.sql('DELETE FROM instance_watch');
    caller = await app.signUp();
    userId = Number((await caller.send('GET', '/v1/me')).body.id);
  });
  afterEach(() => fakes.closeAll());
  afterAll(async () => {
    expect(app.log.join('\n')).not.toContain(TOKEN);
    await app.close();
  });

  async function start(): Promise<FakeInstance> {
    const fake = await fakes.start('mastodon');
    fake.addToken(TOKEN);
    return fake;
  }

  async function connect(fake: { origin: string }, count = 1): Promise<number[]> {
    const input = { instanceUrl: fake.origin, accessToken: TOKEN };
    return watched.insert(
      userId,
      Array.from({ length: count }, () => input),
    );
  }

  async function dueRound(): Promise<void> {
    await watched.everythingDue();
    await watched.round();
  }

  const changes = (id: number) =>
    watched.sql<{ type: string }>(
      `SELECT type FROM platform_changes WHERE platform_id = $1 AND type LIKE 'platform.%' ORDER BY id`,
      [id],
    );

  it('spreads first checks over the interval, and asks nobody at once', async () => {
    const fake = await start();
    await connect(fake, 200);
    expect(fake.requests).toEqual([]);
    const [spread] = await watched.sql<{ first: number; last: number }>(
      `SELECT extract(epoch FROM min(next_check_at) - now())::float8 AS first,
         extract(epoch FROM max(next_check_at) - now())::float8 AS last FROM platform_watch`,
    );
    expect(spread?.first).toBeGreaterThan(0.09 * 21_600);
    expect(spread?.first).toBeLessThan(0.3 * 21_600);
    expect(spread?.last).toBeGreaterThan(0.8 * 21_600);
    expect(spread?.last).toBeLessThanOrEqual(21_600);
  });

  it('checks 1,000 connections on 50 instances, five of them dead, each within its limit and in time', async () => {
    const alive = await Promise.all(Array.from({ length: 45 }, () => start()));
    const silent = await Promise.all(Array.from({ length: 3 }, () => start()));
    for (const fake of silent) fake.misbehaviours.set('*', 'silent');
    const refusing = Array.from({ length: 2 }, () => ({ origin: fakes.absent() }));
    const all = [...alive, ...silent, ...refusing];
    const inputs = Array.from({ length: 1000 }, (_, n) => ({
      instanceUrl: all[n % 50]?.origin ?? '',
      accessToken: TOKEN,
    }));
    await watched.insert(userId, inputs);
    await watched.everythingDue();

    const began = performance.now();
    await watched.round();
    const tookMs = performance.now() - began;

    expect(tookMs).toBeLessThan(60_000);
    let visitsMs = 0;
    for (const fake of alive) {
      const times = fake.asked(VERIFY).map(({ at }) => at);
      expect(times).toHaveLength(20);
      // From any request to the fifth after it, at least four spacings: the first may have arrived late, as on a busy machine.
      for (const [index, at] of times.slice(5).entries())
        expect(at - (times[index] ?? 0)).toBeGreaterThan(4 * SPACING_MS * 0.9);
      visitsMs += (times.at(-1) ?? 0) - (times[0] ?? 0);
    }
    // Not one after the other.
    expect(visitsMs).toBeGreaterThan(2 * tookMs);
    for (const fake of silent) expect(fake.requests).toHaveLength(1);
    for (const { origin } of [...silent, ...refusing])
      expect(await watched.instance(origin)).toMatchObject({ failures: 1 });
    const statuses = await watched.sql(
      `SELECT status, count(*)::integer FROM platform_connections GROUP BY status ORDER BY status`,
    );
    expect(statuses).toEqual([
      { status: 'connected', count: 900 },
      { status: 'instance_unreachable', count: 5 },
      { status: 'unchecked', count: 95 },
    ]);
    // Nobody is asked again before it is time, however long the round has taken here.
    await watched.sql(
      `UPDATE instance_watch SET retry_at = now() + interval '10 seconds' WHERE failures > 0`,
    );
    const asked = all.length;
    await watched.round();
    expect(asked).toBe(50);
    for (const fake of alive) expect(fake.asked(VERIFY)).toHaveLength(20);
    for (const fake of silent) expect(fake.requests).toHaveLength(1);
  }, 180_000);

  it('tries a dead instance again at once, then less and less often, and as usual when it is back', async () => {
    const fake = await start();
    const [id = 0] = await connect(fake, 3);
    fake.misbehaviours.set('*', 'hang-up');
    const waits: number[] = [];
    for (let n = 1; n <= 5; n++) {
      await dueRound();
      const { failures, waitSeconds } = await watched.instance(fake.origin);
      expect(failures).toBe(n);
      waits.push(waitSeconds);
      // The others of the instance are due, but it is left alone.
      await watched.round();
      expect(fake.requests).toHaveLength(n);
    }
    const [soon, ...longer] = waits;
    expect(soon).toBeLessThanOrEqual(10);
    longer.forEach((wait, index) => {
      expect(wait).toBeLessThanOrEqual(300 * 2 ** index);
      expect(wait).toBeGreaterThan(300 * 2 ** index * 0.7);
    });
    fake.misbehaviours.clear();
    await dueRound();
    expect(await watched.instance(fake.origin)).toMatchObject({ failures: 0 });
    expect((await watched.instance(fake.origin)).waitSeconds).toBeLessThan(1);
    expect((await watched.row(id)).status).toBe('connected');
  });

  it('takes an instance for gone whose server answers nonsense three times in a row', async () => {
    const fake = await start();
    await connect(fake, 6);
    fake.misbehaviours.set(VERIFY, 'server-error');
    await dueRound();
    expect(fake.asked(VERIFY)).toHaveLength(3);
    expect(await watched.instance(fake.origin)).toMatchObject({ failures: 1 });
  });

  it('stops where it is asked to, keeps the status, and goes on after the pause', async () => {
    const fake = await start();
    const ids = await connect(fake, 5);
    await dueRound();
    fake.rateLimited = true;
    await dueRound();
    expect(fake.asked(VERIFY)).toHaveLength(6);
    for (const id of ids) expect((await watched.row(id)).status).toBe('connected');
    const { failures, waitSeconds } = await watched.instance(fake.origin);
    expect([failures, waitSeconds > 3000, waitSeconds <= 3600]).toEqual([0, true, true]);
    fake.rateLimited = false;
    await watched.sql('UPDATE instance_watch SET retry_at = now()');
    await watched.round();
    expect(fake.asked(VERIFY)).toHaveLength(11);
  });

  it('comes to all others of an instance although the one that is first is always over its own limit', async () => {
    const fake = await start();
    const [limited = 0] = await watched.insert(userId, [
      { instanceUrl: fake.origin, accessToken: fake.addToken(`${TOKEN}-limited`) },
    ]);
    fake.limitedTokens.add(`${TOKEN}-limited`);
    const others = await connect(fake, 3);
    await watched.everythingDue();
    await watched.sql(
      `UPDATE platform_watch SET next_check_at = next_check_at - interval '1 hour' WHERE platform_id = $1`,
      [limited],
    );
    for (let visit = 0; visit < 2; visit += 1) {
      await watched.round();
      await watched.sql('UPDATE instance_watch SET retry_at = now()');
    }
    for (const id of others) expect((await watched.row(id)).status).toBe('connected');
    expect((await watched.row(limited)).status).toBe('unchecked');
  });

  it('lets two processes share the work: each connection is checked once, one at a time', async () => {
    const fake = await start();
    await connect(fake, 30);
    await watched.everythingDue();
    await Promise.all([watched.round(), watched.round(), watched.round()]);
    expect(fake.asked(VERIFY)).toHaveLength(30);
  });

  it('leaves inactive connections alone', async () => {
    const fake = await start();
    const [id] = await connect(fake);
    await watched.sql('UPDATE platform_connections SET is_active = false WHERE id = $1', [id]);
    await dueRound();
    expect(fake.requests).toEqual([]);
  });

  describe('what is kept of a check', () => {
    it('a change of status is in the row, in the outbox, and at once in what is read', async () => {
      const fake = await start();
      const [id = 0] = await connect(fake);
      const view = async () => (await caller.send('GET', `/v1/platforms/${id}`)).body;
      expect(await view()).toMatchObject({ status: 'unchecked', version: 1 });
      await dueRound();
      expect(await view()).toMatchObject({ status: 'connected', version: 2, lastError: null });
      expect((await watched.row(id)).account_id).toBe('1');
      fake.addToken(TOKEN, 'invalid');
      await dueRound();
      await dueRound();
      expect(await view()).toMatchObject({
        status: 'token_invalid',
        version: 3,
        lastError: expect.any(String),
      });
      expect((await changes(id)).map(({ type }) => type)).toEqual([
        'platform.created',
        'platform.status_changed',
        'platform.status_changed',
      ]);
    });

    it('a hiccup is in the history alone: what worked is checked again at once, before all others', async () => {
      const fake = await start();
      await connect(fake, 25);
      const accessToken = app.backends.secrets.make('access-token');
      fake.addToken(accessToken);
      const [id = 0] = await watched.insert(userId, [{ instanceUrl: fake.origin, accessToken }]);
      await dueRound();
      const before = await watched.row(id);
      const heard = await changes(id);

      fake.addToken(accessToken, 'invalid');
      await watched.sql('UPDATE platform_watch SET next_check_at = now() WHERE platform_id = $1', [id]);
      await watched.sql('UPDATE instance_watch SET retry_at = now()');
      await watched.round();
      const history = (await caller.send('GET', `/v1/platforms/${id}/checks`)).body;
      expect(history).toMatchObject([{ outcome: 'token_invalid' }, { outcome: 'connected' }]);
      const [next] = await watched.sql<{ seconds: number }>(
        `SELECT extract(epoch FROM next_check_at - now())::float8 AS seconds FROM platform_watch WHERE platform_id = $1`,
        [id],
      );
      expect(next?.seconds).toBeLessThanOrEqual(5);

      fake.addToken(accessToken);
      await watched.everythingDue();
      await watched.sql(
        `UPDATE platform_watch SET next_check_at = now() - interval '1 hour' WHERE platform_id <> $1`,
        [id],
      );
      const asked = fake.asked(VERIFY).length;
      await watched.round();
      expect(fake.asked(VERIFY)[asked]?.authorization).toBe(`Bearer ${accessToken}`);
      expect(await watched.row(id)).toEqual(before);
      expect(await changes(id)).toEqual(heard);
    });

    it('a picture that the account has no more is forgotten', async () => {
      const fake = await start();
      const [id = 0] = await connect(fake);
      const hasAvatar = async () => (await caller.send('GET', `/v1/platforms/${id}`)).body.hasAvatar;
      await dueRound();
      expect(await hasAvatar()).toBe(true);
      fake.accounts.set('1', { username: 'alice', displayName: 'Alice', avatar: null });
      await dueRound();
      expect(await hasAvatar()).toBe(false);
    });

    it('nothing new is no new version, until the row tells of a day ago', async () => {
      const fake = await start();
      const [id = 0] = await connect(fake);
      await dueRound();
      const before = await watched.row(id);
      await dueRound();
      expect(fake.asked(VERIFY)).toHaveLength(2);
      expect(await watched.row(id)).toEqual(before);
      expect(await changes(id)).toHaveLength(2);
      await watched.sql(`UPDATE platform_connections SET last_checked_at = now() - interval '25 hours'`);
      await dueRound();
      const after = await watched.row(id);
      expect(after.last_checked_at?.getTime()).toBeGreaterThan(Date.now() - 60_000);
    });

    it('a row that cannot be opened needs to be connected anew, and is sent nowhere', async () => {
      const fake = await start();
      const [id = 0] = await connect(fake);
      await watched.sql(`UPDATE platform_connections SET seal = 'broken' WHERE id = $1`, [id]);
      await dueRound();
      expect((await watched.row(id)).status).toBe('needs_reconnect');
      expect(fake.connections).toBe(0);
    });

    it('what a user saves meanwhile stays', async () => {
      const fake = await start();
      const [id = 0] = await connect(fake);
      await watched.everythingDue();
      const gate = fake.hold(VERIFY);
      const round = watched.round();
      await gate.arrived;
      await caller.send('PATCH', `/v1/platforms/${id}`, { accessToken: `${TOKEN}-2` });
      gate.open();
      await round;
      expect((await watched.row(id)).status).toBe('unchecked');
    });
  });

  it('has its figures in the metrics', async () => {
    const fake = await start();
    await connect(fake, 2);
    await dueRound();
    const text = String((await caller.send('GET', '/metrics')).body.text);
    expect(text).toMatch(/watcher_checks_total\{outcome="connected"\} \d+/);
    expect(text).toMatch(/watcher_rounds_total\{outcome="completed"\} \d+/);
    expect(text).toMatch(/watcher_visits_total\{outcome="done"\} \d+/);
    expect(text).toMatch(/watcher_round_duration_seconds_count \d+/);
  });
});
