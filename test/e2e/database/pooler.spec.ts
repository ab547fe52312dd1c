import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Database } from '../../../src/database/database.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { expectBestRound } from '../../support/best-round.js';
import { runCli } from '../../support/cli.js';
import { type DatabaseRole, createRole } from '../../support/database-role.js';
import { StreamListener } from '../../support/event-listener.js';
import { type PlatformJson, createPlatform, register } from '../../support/factories.js';
import { reveal } from '../../support/reveal.js';
import { PgBouncer } from '../../support/servers/pgbouncer.js';
import { startInVain } from '../../support/start-in-vain.js';

const SESSION_SETTINGS = `current_setting('TimeZone') AS zone, current_setting('statement_timeout') AS timeout,
  current_setting('transaction_isolation') AS isolation`;

describe('behind PgBouncer in transaction mode', () => {
  let backends: Backends;
  let role: DatabaseRole;
  let pooler: PgBouncer;
  let env: { DATABASE_URL: string; DATABASE_DIRECT_URL: string };
  let app: TestApp;
  let peer: TestApp;

  beforeAll(async () => {
    backends = await Backends.create({ empty: true });
    role = await createRole(backends, {
      owns: true,
      settings: { TimeZone: 'Pacific/Chatham', default_transaction_isolation: 'serializable' },
    });
    // Two sessions for the fifteen connections of each process.
    pooler = await PgBouncer.start({
      port: Number(new URL(backends.databaseUrl).port),
      users: [role.name],
      poolSize: 2,
    });
    env = { DATABASE_URL: pooler.through(role.url), DATABASE_DIRECT_URL: role.url };
    [app, peer] = await Promise.all([startTestApp({ backends, env }), startTestApp({ backends, env })]);
  }, 120_000);
  afterAll(async () => {
    await app?.expectCleanRecord();
    await Promise.all([app?.app.close(), peer?.app.close()]);
    await pooler?.remove();
    await role?.drop();
    await backends.remove();
  }, 60_000);

  it('a user registers, connects, is told by the other process, lists by miss and hit, and reveals', async () => {
    const ada = await register(app.client, backends.secrets);
    const ear = await StreamListener.connect(peer.baseUrl, { token: ada.accessToken });
    const accessToken = backends.secrets.make('access-token');
    const platform = await createPlatform(ada, backends.secrets, { accessToken });
    expect(await ear.event(({ type }) => type === 'platform.created')).toMatchObject({ platform });
    await ear.close();
    await backends.settled();
    const lists = [await ada.client.get('/v1/platforms'), await ada.client.get('/v1/platforms')];
    expect(lists.map(({ cacheStatus }) => cacheStatus)).toEqual([
      'platform-manager; fwd=miss; stored',
      'platform-manager; hit',
    ]);
    for (const list of lists) expect(list.json<PlatformJson[]>()).toEqual([platform]);
    expect((await reveal(ada, platform.id)).json()).toMatchObject({ accessToken });
  });

  it('a writer does not wait for notifications that a pooler has lost', async () => {
    const ada = await register(app.client, backends.secrets);
    await expectBestRound(async () => {
      const startedAt = performance.now();
      await createPlatform(ada, backends.secrets);
      return [{ what: 'a write, ms', value: performance.now() - startedAt, limit: 1500 }];
    });
  });

  it('each statement and transaction has our settings, and leaves none in the session', async () => {
    const database = app.app.get(Database);
    const own = { zone: 'UTC', timeout: '20s', isolation: 'read committed' };
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        n % 2 === 0
          ? database.statement(`SELECT ${SESSION_SETTINGS}`)
          : database.transaction((manager) => manager.query(`SELECT ${SESSION_SETTINGS}`)),
      ),
    );
    expect(all).toEqual(all.map(() => [own]));
    const other = new DataSource({ type: 'postgres', url: env.DATABASE_URL, installExtensions: false });
    await other.initialize();
    try {
      const [theirs] = await other.query<unknown[]>(`SELECT ${SESSION_SETTINGS}`);
      expect(theirs).toEqual({ zone: 'Pacific/Chatham', timeout: '0', isolation: 'serializable' });
    } finally {
      await other.destroy();
    }
  });

  it('a transaction may choose its isolation', async () => {
    const chosen = await app.app.get(Database).transaction(async (manager) => {
      await manager.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      return manager.query(
        `SELECT ${SESSION_SETTINGS}, current_setting('transaction_read_only') AS "readOnly"`,
      );
    });
    expect(chosen).toEqual([{ zone: 'UTC', timeout: '20s', isolation: 'repeatable read', readOnly: 'on' }]);
  });

  it('a statement that fails fails alone, and one that is refused at its commit is an error', async () => {
    const database = app.app.get(Database);
    for (let n = 0; n < 20; n++) await expect(database.statement('SELECT 1 / 0')).rejects.toThrow(/division/);
    await backends.rows('CREATE TABLE late (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED)');
    await backends.rows(`GRANT ALL ON late TO ${role.name}`);
    await expect(database.statement('INSERT INTO late VALUES (1), (1)')).rejects.toThrow(/duplicate key/);
    expect(await database.statement('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await backends.rows('SELECT * FROM late')).toEqual([]);
  });

  it('a session without a statement is not counted as locked or in a transaction', async () => {
    const idle = async () =>
      (
        await backends.rows(
          `SELECT 1 FROM pg_stat_activity WHERE usename = $1 AND state LIKE 'idle in transaction%'`,
          [role.name],
        )
      ).length === 0;
    await waitUntil(idle, { timeoutMs: 15_000, what: 'all transactions to end' });
  });

  it('doctor names both ways', async () => {
    const { stdout } = await runCli(['doctor'], { ...backends.env(), ...env });
    expect(stdout).toMatch(/^ok +database: PostgreSQL .* answers$/m);
    expect(stdout).toMatch(/^ok +DATABASE_URL: answers too;/m);
  });

  it('without DATABASE_DIRECT_URL the start says in one line what to set', async () => {
    const alone = { ...backends.env(), LOG_LEVEL: 'info', ...env, DATABASE_DIRECT_URL: '' };
    const { code, stderr } = await startInVain(alone);
    expect(stderr).toMatch(
      /^DATABASE_URL cannot be used: a pooler there [^\n]*: set DATABASE_DIRECT_URL [^\n]+\n$/,
    );
    expect(code).toBe(1);
    const { stdout } = await runCli(['doctor'], alone);
    expect(stdout).toMatch(/^fault +database: DATABASE_URL cannot be used: a pooler there/m);
  });

  it('a direct URL that is a pooler too, of another database, or options for the pooler, are one line each', async () => {
    const other = await Backends.create({ empty: true });
    const start = (wrong: Partial<typeof env>) =>
      startInVain({ ...backends.env(), LOG_LEVEL: 'info', ...env, ...wrong });
    const [twice, elsewhere, options] = await Promise.all([
      start({ DATABASE_DIRECT_URL: env.DATABASE_URL.replace('?', '/?') + '?application_name=direct' }),
      start({ DATABASE_DIRECT_URL: other.databaseUrl }),
      start({ DATABASE_URL: `${env.DATABASE_URL}?options=-csearch_path%3Dpublic` }),
    ]);
    expect(twice.stderr).toMatch(/^DATABASE_DIRECT_URL cannot be used: a pooler there [^\n]+\n$/);
    expect(elsewhere.stderr).toMatch(
      /^DATABASE_URL cannot be used: DATABASE_DIRECT_URL names another database\n$/,
    );
    expect(options.stderr).toMatch(
      /^DATABASE_URL cannot be used: a pooler refuses options in the URL: [^\n]+\n$/,
    );
    await other.remove();
  }, 60_000);
});

it('PgBouncer in session mode needs no second URL', async () => {
  const backends = await Backends.create({ empty: true });
  const port = Number(new URL(backends.databaseUrl).port);
  const pooler = await PgBouncer.start({ port, mode: 'session', poolSize: 20 });
  const app = await startTestApp({ backends, env: { DATABASE_URL: pooler.through(backends.databaseUrl) } });
  const ada = await register(app.client, backends.secrets);
  const ear = await StreamListener.connect(app.baseUrl, { token: ada.accessToken });
  const platform = await createPlatform(ada, backends.secrets);
  expect(await ear.event(({ type }) => type === 'platform.created')).toMatchObject({ platform });
  await ear.close();
  await app.expectCleanRecord();
  await app.app.close();
  await pooler.remove();
  await backends.remove();
}, 60_000);
