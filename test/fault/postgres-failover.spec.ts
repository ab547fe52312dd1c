import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import pg from 'pg';
import { waitUntil } from '../support/barrier.js';
import { StreamListener } from '../support/event-listener.js';
import { type PlatformJson, platformInput } from '../support/factories.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import { History, versionIn } from '../support/fault-history.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import { SteadyLoad, note } from '../support/load.js';
import { type PostgresServer, startPostgres } from '../support/servers/postgres.js';

const USERS = 10;
const WAIT = { timeoutMs: 30_000, intervalMs: 10 };
/** The relay looks at least once a second. Until then a process does not know that another server answers. */
const FORGOTTEN_AFTER_MS = 5000;

let deployment: FaultDeployment;
let primary: PostgresServer;
let standby: PostgresServer;
let processes: FaultProcess[];
// All of them at first: the test's own connections lead to the first primary.
let users: InsertedUser[];
let laterUsers: InsertedUser[];
const standbys: PostgresServer[] = [];

beforeAll(async () => {
  deployment = await FaultDeployment.start();
  primary = deployment.postgres;
  processes = await Promise.all([1, 2].map(() => deployment.startProcess({ proxies: ['database'] })));
  const all = await deployment.insertUsers(2 * USERS);
  users = all.slice(0, USERS);
  laterUsers = all.slice(USERS);
}, 180_000);
beforeEach(async () => {
  standby = await startPostgres({ replicaOf: primary });
  standbys.push(standby);
}, 60_000);
afterAll(async () => {
  await deployment.remove();
  await Promise.all(standbys.map((server) => server.remove()));
}, 120_000);

async function ask<T extends pg.QueryResultRow>(
  server: PostgresServer,
  ...statements: string[]
): Promise<T[]> {
  const client = new pg.Client(server.url(new URL(deployment.backends.databaseUrl).pathname.slice(1)));
  await client.connect();
  try {
    let rows: T[] = [];
    for (const statement of statements) rows = (await client.query<T>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

async function hasAll(): Promise<boolean> {
  const [{ lsn } = { lsn: '' }] = await ask<{ lsn: string }>(
    primary,
    'SELECT pg_current_wal_lsn()::text AS lsn',
  );
  const [row] = await ask<{ there: boolean }>(
    standby,
    `SELECT pg_last_wal_replay_lsn() >= '${lsn}'::pg_lsn AS there`,
  );
  return row?.there === true;
}

/** The primary is dead, the standby takes over, and the same address leads to it. */
async function failOver(): Promise<void> {
  await primary.kill();
  await standby.promote();
  primary = standby;
  for (const { databaseLink } of processes) {
    databaseLink.leadTo(primary.port);
    databaseLink.reset();
  }
}

const versions = async (of: readonly InsertedUser[]): Promise<number[]> =>
  (
    await Promise.all(
      processes.flatMap((process) => of.flatMap((user) => [process.list(user), process.one(user)])),
    )
  ).map((reply) => (reply.status === 200 ? versionIn(reply) : 0));

it('a standby that lacks the last commits takes over: nothing cached, published or numbered from them lives on', async () => {
  const [first, second] = processes as [FaultProcess, FaultProcess];
  const [owner] = users as [InsertedUser];
  for (const process of processes) await process.warm(users);
  await waitUntil(hasAll, { ...WAIT, what: 'the standby to have all' });
  await ask(standby, `ALTER SYSTEM SET primary_conninfo TO ''`, 'SELECT pg_reload_conf()');
  const isCutOff = async () => (await ask(standby, 'SELECT 1 FROM pg_stat_wal_receiver')).length === 0;
  await waitUntil(isCutOff, { ...WAIT, what: 'the standby to be cut off' });

  const ear = await StreamListener.connect(second.api.baseUrl, { token: owner.token });
  for (const user of users) expect((await first.rename(user, 'lost')).status).toBe(200);
  const create = async (process: FaultProcess, name: string): Promise<PlatformJson> => {
    const input = platformInput(deployment.backends.secrets, { name });
    const { status, text } = await process.request('POST', '/v1/platforms', owner, input);
    expect(status).toBe(201);
    return JSON.parse(text) as PlatformJson;
  };
  const lost = await create(first, 'lost too');
  await ear.event(({ platformId }) => platformId === lost.id);
  const heard = Math.max(...ear.ids);
  for (const process of processes) await process.warm(users);
  await first.get(`/v1/platforms/${lost.id}`, owner);
  expect(new Set(await versions(users.slice(1)))).toEqual(new Set([2]));

  await failOver();
  const failedOverAt = performance.now();
  await waitUntil(async () => (await versions(users)).every((version) => version === 1), {
    ...WAIT,
    intervalMs: 50,
    what: 'what was lost to be forgotten',
  });
  const forgottenMs = Math.round(performance.now() - failedOverAt);
  note(`forgotten after ${forgottenMs} ms`);
  expect(forgottenMs).toBeLessThan(FORGOTTEN_AFTER_MS);
  for (let round = 0; round < 3; round++) expect(new Set(await versions(users))).toEqual(new Set([1]));
  for (const process of processes) {
    expect((await process.get(`/v1/platforms/${lost.id}`, owner)).status).toBe(404);
    await process.api.printed(/Another PostgreSQL server is the primary now/);
  }

  await ear.sign('reset');
  const fresh = await create(second, 'found');
  expect(fresh.id).toBeGreaterThan(lost.id);
  const event = await ear.event(({ platformId }) => platformId === fresh.id);
  expect(event.eventId).toBeGreaterThan(heard);
  await ear.close();
  const back = await StreamListener.connect(first.api.baseUrl, { token: owner.token, lastEventId: heard });
  await back.sign('reset');
  await back.close();

  // A restart of the same server is no other primary: what is cached is believed.
  const [other] = users.slice(1) as [InsertedUser];
  await first.warm([other]);
  await primary.stop();
  await primary.start();
  await deployment.whenReady();
  await first.rename(owner, 'after the restart');
  expect((await first.list(other)).cacheStatus).toBe('platform-manager; hit');
  const moves = first.api.output.filter((line) => line.includes('is the primary now'));
  expect(moves).toHaveLength(1);
}, 180_000);

it('a synchronous standby takes over under load: no read is older than an acknowledged write, and none is lost', async () => {
  await ask(primary, `ALTER SYSTEM SET synchronous_standby_names TO '*'`, 'SELECT pg_reload_conf()');
  const isSynchronous = async () =>
    (await ask(primary, `SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'`)).length > 0;
  await waitUntil(isSynchronous, { ...WAIT, what: 'the standby to be synchronous' });
  const history = new History();
  const load = new SteadyLoad(80, (n) => {
    const user = laterUsers[n % USERS] as InsertedUser;
    const process = processes[Math.floor(n / USERS) % 2] as FaultProcess;
    if (n % 4 === 0) return history.write(process, user, `name ${n}`);
    return history.read(process, user, n % 2 === 0 ? 'list' : 'one');
  });
  const acknowledged = () => history.writes.filter(({ status }) => status === 200).length;
  await waitUntil(() => acknowledged() > 30, { ...WAIT, what: 'writes' });
  await failOver();
  const before = acknowledged();
  await waitUntil(() => acknowledged() > before + 30, { ...WAIT, what: 'writes on the new primary' });
  await load.stop();

  note(`${history.reads} reads, ${acknowledged()} writes, ${history.unanswered.length} unanswered`);
  expect(history.olderThanAcknowledged()).toEqual([]);
  const kept = await ask<{ id: number; version: number }>(
    primary,
    'SELECT id, version FROM platform_connections ORDER BY id',
  );
  const [first] = processes as [FaultProcess];
  const shown = await Promise.all(laterUsers.map((user) => first.one(user)));
  expect(shown.map(versionIn)).toEqual(
    laterUsers.map(({ platformId }) => kept.find(({ id }) => id === platformId)?.version),
  );
  const refused = [...history.writes, ...history.unanswered].filter(
    ({ status }) => ![200, 503, 0].includes(status),
  );
  expect(refused.map(({ status, text }) => `${status} ${text}`)).toEqual([]);
}, 180_000);
