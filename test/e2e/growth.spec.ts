import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { Backends } from '../support/backends.js';
import { waitUntil } from '../support/barrier.js';
import { createPlatform, type Person, register, signAccessToken } from '../support/factories.js';

/** GROWTH_CONNECTIONS=1000000 for the size that this is made for; ten activities each. */
const CONNECTIONS = Number(process.env['GROWTH_CONNECTIONS'] ?? 30_000);
const PER_USER = 3;
const ACTIVITIES_EACH = 10;
const DAYS = 5;
const FILL_MS = 60_000 + CONNECTIONS;

/** That grow with the number of users; a sequential scan of one is a mistake. */
const LARGE = [
  'account_snapshots',
  'audit_log',
  'platform_activities',
  'platform_activity_totals',
  'platform_changes',
  'platform_connections',
  'platform_watch',
  'refresh_tokens',
  'users',
];

/** Rows as they would have become by use, without the triggers' work for each. */
async function fill(backends: Backends): Promise<void> {
  const users = Math.ceil(CONNECTIONS / PER_USER);
  const client = await backends.sql.connect();
  try {
    await client.query(`SET application_name = 'fill'`);
    await client.query('SET session_replication_role = replica');
    const insert = (sql: string, ...values: number[]) => client.query(sql, values);
    await insert(
      `INSERT INTO users (email, last_active_at)
       SELECT 'grown-' || n || '@example.org', now() - n * interval '1 minute' FROM generate_series(1, $1::integer) n`,
      users,
    );
    await insert(
      `INSERT INTO platform_connections (user_id, name, platform_type, instance_url, username, access_token, key_id,
         is_default, status, last_error)
       SELECT u.id, 'Connection ' || u.id || '-' || n, 'mastodon', 'https://instance-' || (u.id % 5000) || '.example',
         'user' || u.id || 'x' || n, 'none', 'none', n = 1,
         CASE WHEN u.id % 5000 = 7 THEN 'account_disabled' ELSE 'connected' END, null
       FROM users u, generate_series(1, $1::integer) n WHERE u.email LIKE 'grown-%'`,
      PER_USER,
    );
    await insert(
      `INSERT INTO platform_activities (platform_id, kind, external_id, status, occurred_at)
       SELECT id, 'post', n::text, 'done', now() FROM platform_connections, generate_series(1, $1::integer) n`,
      ACTIVITIES_EACH,
    );
    await insert(
      `INSERT INTO platform_activity_totals (platform_id, kind, status, count)
       SELECT id, 'post', 'done', $1 FROM platform_connections`,
      ACTIVITIES_EACH,
    );
    await insert(
      `INSERT INTO platform_watch (platform_id, next_check_at)
       SELECT id, now() + (1 + random() * 20000) * interval '1 second' FROM platform_connections
       ON CONFLICT DO NOTHING`,
    );
    await insert(
      `INSERT INTO account_snapshots (platform_id, taken_on, taken_at, account_id, followers)
       SELECT id, current_date - n, now() - n * interval '1 day', '1', n
       FROM platform_connections, generate_series(1, $1::integer) n`,
      DAYS,
    );
    await insert(
      `INSERT INTO platform_changes (user_id, platform_id, type, drained_at, event_id)
       SELECT user_id, id, 'platform.updated', now(), 1000 + row_number() OVER (ORDER BY id)
       FROM platform_connections`,
    );
    await insert(
      `UPDATE platform_event_position SET last_event_id = (SELECT max(event_id) FROM platform_changes)`,
    );
    await insert(
      `INSERT INTO refresh_tokens (user_id, family_id, token_hash, expires_at)
       SELECT id, gen_random_uuid(), sha256(id::text::bytea), now() + interval '30 days' FROM users`,
    );
    await insert(
      `INSERT INTO audit_log (user_id, platform_id, action, outcome, reason, address, request_id)
       SELECT user_id, id, 'credentials.reveal', 'revealed', 'grown', '192.0.2.1', id::text FROM platform_connections`,
    );
  } finally {
    // Ended, not given back: what it has scanned itself must not be counted later.
    client.release(true);
  }
  await whenEnded(backends, `application_name = 'fill'`);
  await backends.sql.query('VACUUM ANALYZE');
}

/** A session tells what it has scanned when it ends. */
async function whenEnded(backends: Backends, condition: string): Promise<void> {
  const ended = async (): Promise<boolean> => {
    const sessions = await backends.rows(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND ${condition}`,
    );
    return sessions.length === 0;
  };
  await waitUntil(ended, { timeoutMs: 30_000, what: 'the sessions to end' });
}

describe(`${CONNECTIONS} connections with ${CONNECTIONS * ACTIVITIES_EACH} activities`, () => {
  let backends: Backends;
  let app: TestApp;
  let ada: Person;
  let id: number;

  beforeAll(async () => {
    backends = await Backends.create();
    app = await startTestApp({ backends });
    ada = await register(app.client, backends.secrets);
    id = (await createPlatform(ada, backends.secrets)).id;
    await backends.settled();
    await fill(backends);
  }, FILL_MS);
  afterAll(async () => {
    await app.app.close();
    await backends.remove();
  }, 120_000);

  async function close(): Promise<void> {
    await app.app.close();
    await whenEnded(backends, `application_name LIKE 'platform-manager%'`);
  }

  it('every query of the API finds its rows by an index, in the background too', async () => {
    await close();
    await backends.rows('SELECT pg_stat_reset()');
    // Starts with the background's work: warming, the relay, the watcher.
    app = await startTestApp({ backends, env: { CACHE_WARM_USERS: '50', WATCH_ENABLED: 'true' } });
    const on = app.client.as(ada);
    const root = app.client.as({ accessToken: await signAccessToken(backends, ada.id, { role: 'admin' }) });
    const statuses: Record<string, number> = {};
    const call = async (name: string, answer: Promise<{ status: number }>): Promise<void> => {
      statuses[name] = (await answer).status;
    };
    await call('login', app.client.post('/v1/auth/login', { email: ada.email, password: ada.password }));
    await call('refresh', app.client.post('/v1/auth/refresh', { refreshToken: ada.refreshToken }));
    await call('me', on.get('/v1/me'));
    await call('keys', on.get('/v1/api-keys'));
    await call('list', on.get('/v1/platforms'));
    await call('all', on.get('/v1/platforms?includeInactive=true'));
    await call('one', on.get(`/v1/platforms/${id}`));
    await call('stats', on.get(`/v1/platforms/${id}/stats`));
    await call('history', on.get(`/v1/platforms/${id}/stats/history`));
    await call('audit', on.get(`/v1/platforms/${id}/audit`));
    await call('reveal', on.post(`/v1/platforms/${id}/credentials`, { reason: 'To see what it costs' }));
    const activity = { kind: 'post', externalId: '1', status: 'done', occurredAt: '2026-11-22T12:00:00Z' };
    await call('report', on.post(`/v1/platforms/${id}/activities`, [activity]));
    await call('rename', on.patch(`/v1/platforms/${id}`, { name: 'renamed' }));
    await call('default', on.put(`/v1/platforms/${id}/default`));
    await call('refresh cache', on.post('/v1/platforms/cache/refresh'));
    await call('drop cache', on.delete('/v1/platforms/cache'));
    await call('search', root.get('/v1/admin/platforms?search=user777x'));
    await call('by status', root.get('/v1/admin/platforms?status=account_disabled'));
    await call('by user', root.get(`/v1/admin/platforms?userId=${ada.id}`));
    await call('metrics', app.client.get('/metrics'));
    await backends.settled();
    await call('delete', on.delete(`/v1/platforms/${id}`));
    await backends.settled();
    expect(Object.entries(statuses).filter(([, status]) => status >= 300)).toEqual([]);

    await close();
    const scanned = await backends.rows<{ name: string; scans: number }>(
      `SELECT relname AS name, seq_scan::integer AS scans FROM pg_stat_user_tables
       WHERE relname = ANY($1) AND seq_scan > 0 ORDER BY relname`,
      [LARGE],
    );
    expect(scanned).toEqual([]);
    app = await startTestApp({ backends });
  }, 120_000);

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
