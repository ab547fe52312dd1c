import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../../src/database/database.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type DatabaseRole, createRole } from '../../support/database-role.js';
import { type Person, createPlatform, register } from '../../support/factories.js';
import { PgBouncer } from '../../support/servers/pgbouncer.js';

// Another server is played by another name in the table. test/fault/postgres-failover.spec.ts has two servers.
describe('a primary', () => {
  let backends: Backends;
  let role: DatabaseRole;
  let pooler: PgBouncer;
  let app: TestApp;
  /** Its cache is its own memory. */
  let alone: TestApp;
  let ada: Person;

  beforeAll(async () => {
    backends = await Backends.create({ empty: true });
    role = await createRole(backends, { owns: true });
    pooler = await PgBouncer.start({ port: Number(new URL(role.url).port), users: [role.name] });
    const env = { DATABASE_URL: pooler.through(role.url), DATABASE_DIRECT_URL: role.url };
    app = await startTestApp({ backends, env });
    alone = await startTestApp({ backends, env: { ...env, REDIS_URL: '' } });
    ada = await register(app.client, backends.secrets);
    await createPlatform(ada, backends.secrets);
  }, 120_000);
  afterAll(async () => {
    await app?.expectCleanRecord();
    await Promise.all([app?.app.close(), alone?.app.close()]);
    await pooler?.remove();
    await role?.drop();
    await backends.remove();
  }, 60_000);

  const name = async (): Promise<string | null> => {
    const [row] = await backends.rows<{ name: string | null }>(
      'SELECT primary_name AS name FROM installation',
    );
    return row?.name ?? null;
  };
  const position = async (): Promise<{ event: number; user: number }> => {
    const [row] = await backends.rows<{ event: number; user: number }>(
      `SELECT last_event_id::integer AS event, (SELECT last_value FROM users_id_seq)::integer AS user
       FROM platform_event_position`,
    );
    if (row === undefined) throw new Error('There is no position');
    return row;
  };

  it('is known by system identifier and timeline', async () => {
    expect(await name()).toMatch(/^\d{19}\/[0-9A-F]{8}$/);
  });

  it('after another one moves ids and event numbers on once, however many transactions come at the same time', async () => {
    const here = await name();
    await backends.settled();
    await backends.published();
    const before = await position();
    await backends.rows(`UPDATE installation SET primary_name = 'another'`);
    const database = app.app.get(Database);
    await Promise.all(Array.from({ length: 12 }, () => database.statement('SELECT 1')));
    expect(await name()).toBe(here);
    expect(await position()).toEqual({ event: before.event + 1_000_000, user: before.user + 10_000 });
    expect((await register(app.client, backends.secrets)).id).toBe(before.user + 10_001);
  });

  it('after another one is believed nothing in the memory of a process that was read before', async () => {
    const read = async () => (await alone.client.as(ada).get('/v1/platforms')).cacheStatus;
    await waitUntil(async () => (await read()) === 'platform-manager; hit', {
      timeoutMs: 15_000,
      what: 'a hit',
    });
    // Whichever process is the first to come back from the other one writes the name that it had, and the next look at it may
    // find nothing changed. Two servers have two names.
    const missed = async (): Promise<boolean> => {
      await backends.rows(`UPDATE installation SET primary_name = 'another'`);
      return (await read())?.includes('fwd=miss') === true;
    };
    await waitUntil(missed, { timeoutMs: 15_000, what: 'a miss', intervalMs: 100 });
  });

  it('that does not say who it is counts as another one after each start', async () => {
    await backends.rows('REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC');
    await app.app.get(Database).statement('SELECT 1');
    expect(await name()).toMatch(/^started \d+\.\d+$/);
  });
});
