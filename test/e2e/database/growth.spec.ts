import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { createPlatform, type Person, register } from '../../support/factories.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { everyRoute } from '../../support/growth/every-route.js';
import { ACTIVITIES_EACH, CONNECTIONS, fill, FILL_MS } from '../../support/growth/fill.js';
import { Plans } from '../../support/growth/plans.js';
import { MailServer } from '../../support/mail-server.js';
import { unvisited } from '../../support/openapi.js';

/** The admin's total, and some that a filter passes over; everything else reads less. */
const MOST_ROWS = 11_000;
/** By one page of a replay after a restart of Redis. */
const MOST_TO_REPLAY = 50_001;
/** For ten checks of an instance that has thousands. */
const MOST_TO_CLAIM = 100;
const PLANS_MS = 180_000 + CONNECTIONS / 5;

describe(`${CONNECTIONS} connections with ${CONNECTIONS * ACTIVITIES_EACH} activities`, () => {
  let backends: Backends;
  let app: TestApp;
  let ada: Person;
  let id: number;
  let fake: FakeInstance | undefined;
  let mails: MailServer;

  beforeAll(async () => {
    backends = await Backends.create();
    mails = await MailServer.start();
    app = await startTestApp({ backends });
    ada = await register(app.client, backends.secrets);
    id = (await createPlatform(ada, backends.secrets)).id;
    await backends.settled();
    await app.app.close();
    await fill(backends);
  }, FILL_MS);
  afterAll(async () => {
    // It reads every row, and most of so many are the test's own.
    if (CONNECTIONS <= 100_000) await app.expectCleanRecord();
    else backends.recordIsChecked();
    await app.app.close();
    await fake?.close();
    await mails.close();
    await backends.remove();
  }, FILL_MS);

  it(
    'no statement reads a large table from end to end, or more of it than it is bound to, or is compiled',
    async () => {
      const plans = await Plans.record(backends);
      // The relay and the watcher too.
      fake = await startFakeInstance('mastodon');
      app = await startTestApp({
        backends,
        env: {
          ...mails.env(),
          // The client document and key of Bluesky are published under https only.
          PUBLIC_URL: 'https://manager.example.org',
          MCP_ENABLED: 'true',
          WATCH_ENABLED: 'true',
          WATCH_ROUND_SECONDS: '1',
          INSTANCE_HOST_ALLOWLIST: new URL(fake.origin).host,
        },
      });
      await everyRoute({ app, person: ada, platformId: id, fake, mails });
      await backends.settled();
      const planned = () =>
        plans.statements.some((statement) => /DELETE FROM account_snapshots/.test(statement));
      await waitUntil(planned, { timeoutMs: 60_000, what: 'the watcher to clean up' });

      expect(await unvisited(app)).toEqual([]);
      const visits = plans.visits();
      expect(new Set(visits.map(({ table }) => table)).size).toBe(19);
      expect(visits.filter(({ how }) => how.startsWith('Seq'))).toEqual([]);
      const isReplay = (statement: string) => statement.includes('WITH page AS');
      const most = (statement: string) => (isReplay(statement) ? MOST_TO_REPLAY : MOST_ROWS);
      expect(visits.filter(({ rows, statement }) => rows > most(statement))).toEqual([]);
      expect(new Set(plans.compiled)).toEqual(new Set());
      const claims = visits.filter(({ statement }) => statement.includes('AS "refreshDue" FROM claimed'));
      expect(claims).not.toEqual([]);
      expect(claims.filter(({ rows }) => rows > MOST_TO_CLAIM)).toEqual([]);
    },
    PLANS_MS,
  );

  it('keeps totals that are what counting would find, whatever is done to the activities', async () => {
    const own = await createPlatform({ client: app.client.as(ada) }, backends.secrets, {
      name: 'counted',
      username: 'counted',
    });
    const report = (kind: string, from: number, to: number, status: string) =>
      app.client.as(ada).post(
        `/v1/platforms/${own.id}/activities`,
        Array.from({ length: to - from }, (_, n) => ({
          kind,
          externalId: String(from + n),
          status,
          occurredAt: '2026-11-22T12:00:00Z',
        })),
      );
    // At once, overlapping, and with statuses that change.
    const answers = await Promise.all([
      report('post', 0, 300, 'queued'),
      report('post', 100, 400, 'done'),
      report('image', 0, 50, 'done'),
      report('post', 200, 350, 'failed'),
      report('image', 25, 75, 'failed'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    await backends.rows('DELETE FROM platform_activities WHERE platform_id = $1 AND external_id < $2', [
      own.id,
      '2',
    ]);
    const counted = await backends.rows(
      `SELECT kind, status, count(*)::integer AS count FROM platform_activities WHERE platform_id = $1
       GROUP BY kind, status ORDER BY kind, status`,
      [own.id],
    );
    const kept = await backends.rows(
      `SELECT kind, status, count FROM platform_activity_totals WHERE platform_id = $1 AND count <> 0
       ORDER BY kind, status`,
      [own.id],
    );
    expect(counted.length).toBeGreaterThan(1);
    expect(kept).toEqual(counted);
    await backends.rows('DELETE FROM platform_connections WHERE id = $1', [own.id]);
    expect(
      await backends.rows('SELECT 1 FROM platform_activity_totals WHERE platform_id = $1', [own.id]),
    ).toEqual([]);
  });
});
