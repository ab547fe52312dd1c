import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { AppConfig } from '../../../src/config/app-config.js';
import { postgresTarget } from '../../../src/config/postgres-target.js';
import { PostgresOutboxSession } from '../../../src/outbox/outbox-session.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, createPlatform, register, signAccessToken } from '../../support/factories.js';
import { type HttpClient } from '../../support/http-client.js';
import { type PostgresServer, startPostgres } from '../../support/servers/postgres.js';

const SEARCH = '/v1/admin/platforms';
const WAIT = { timeoutMs: 30_000, intervalMs: 20 };

// It is paused to be behind the primary: so it shows in an answer where it comes from.
describe('a read replica', () => {
  let primary: PostgresServer;
  let replica: PostgresServer;
  let backends: Backends;
  let database: string;
  let app: TestApp;
  let owner: Person;
  let admin: HttpClient;

  beforeAll(async () => {
    primary = await startPostgres({ settings: { wal_level: 'replica', max_wal_senders: '4' } });
    replica = await startPostgres({ replicaOf: primary });
    backends = await Backends.create({ postgresUrl: primary.url() });
    database = new URL(backends.databaseUrl).pathname.slice(1);
    app = await startTestApp({
      backends,
      env: { DATABASE_REPLICA_URL: replica.url(database) },
    });
    owner = await register(app.client, backends.secrets);
    await createPlatform(owner, backends.secrets);
    const { id } = await register(app.client, backends.secrets);
    await backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [id]);
    admin = app.client.as({ accessToken: await signAccessToken(backends, id) });
  }, 120_000);
  afterAll(async () => {
    await app?.expectCleanRecord();
    await app?.app.close();
    await backends?.remove();
    await replica?.remove();
    await primary?.remove();
  }, 60_000);

  const on = async (server: PostgresServer, text: string): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client(server.url(database));
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const count = async (server: PostgresServer): Promise<unknown> =>
    (await on(server, 'SELECT count(*)::integer AS count FROM platform_connections').catch(() => []))[0]?.[
      'count'
    ];
  const total = async (): Promise<number> => {
    const answer = await admin.get(SEARCH);
    expect(answer.status).toBe(200);
    return answer.json<{ total: number }>().total;
  };

  it('answers the search of administrators, and nothing that is cached or written', async () => {
    await waitUntil(async () => (await total()) === 1, { ...WAIT, what: 'the replica to have it' });
    await on(replica, 'SELECT pg_wal_replay_pause()');
    await createPlatform(owner, backends.secrets);
    expect(await total()).toBe(1);
    expect((await owner.client.get('/v1/platforms')).json<unknown[]>()).toHaveLength(2);
    await on(replica, 'SELECT pg_wal_replay_resume()');
    await waitUntil(async () => (await total()) === 2, { ...WAIT, what: 'the replica to follow' });
  });

  it('that is mistaken for the primary refuses to be listened to, and is left no connection of each attempt', async () => {
    const timeouts = { acquireTimeoutMs: 10_000, statementTimeoutMs: 10_000 } as AppConfig['database'];
    const session = new PostgresOutboxSession(postgresTarget.parse(replica.url(database)), timeouts, 100);
    for (let n = 0; n < 3; n++) await expect(session.statement('SELECT 1')).rejects.toThrow(/LISTEN/);
    const isLeft = async () =>
      (await on(replica, `SELECT 1 FROM pg_stat_activity WHERE application_name = 'platform-manager outbox'`))
        .length > 0;
    await waitUntil(async () => !(await isLeft()), { ...WAIT, what: 'the connections to be ended' });
    await session.close();
  });

  it('that is dead leaves the search to the primary', async () => {
    await replica.kill();
    expect(await total()).toBe(2);
    expect(app.logLines.filter((line) => line.includes('The replica fails'))).toHaveLength(1);
    await replica.start();
    await waitUntil(async () => (await count(replica)) === 2, {
      ...WAIT,
      what: 'the replica to follow again',
    });
    await on(replica, 'SELECT pg_wal_replay_pause()');
    await createPlatform(owner, backends.secrets);
    await waitUntil(async () => (await total()) === 2, { ...WAIT, what: 'the replica to be asked again' });
    await on(replica, 'SELECT pg_wal_replay_resume()');
  }, 60_000);
});
