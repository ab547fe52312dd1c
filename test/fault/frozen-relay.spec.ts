import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { IMPATIENT_WITH_REDIS } from '../support/backends.js';
import { waitUntil } from '../support/barrier.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import { isHit, note } from '../support/load.js';

/** What the rows may be held for, the peer's poll, and a busy machine. */
const DRAINED_WITHIN_MS = 4000;
/** Advisory lock of this test. Who holds it holds up whoever marks rows as drained, and nobody else. */
const MARKING = 1;

let deployment: FaultDeployment;
let victim: FaultProcess;
let peer: FaultProcess;

beforeAll(async () => {
  deployment = await FaultDeployment.start({ ...IMPATIENT_WITH_REDIS, LOG_LEVEL: 'info' });
  [victim, peer] = await Promise.all([
    // Its statement must not time out while it is frozen: that would give the rows up before the peer has missed them.
    deployment.startProcess({ env: { DATABASE_STATEMENT_TIMEOUT_MS: '120000' } }),
    deployment.startProcess(),
  ]);
  await deployment.backends.sql.query(
    `CREATE FUNCTION wait_to_mark() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN PERFORM pg_advisory_xact_lock_shared(${MARKING}); RETURN NULL; END';
     CREATE TRIGGER wait_to_mark BEFORE UPDATE OF drained_at ON platform_changes
       FOR EACH STATEMENT EXECUTE FUNCTION wait_to_mark()`,
  );
}, 90_000);
afterAll(async () => {
  for (const { api } of [victim, peer]) api.thaw();
  await deployment.remove();
}, 30_000);

const OFF = 'Until then no cached value is read';
const ON = 'No change is waiting any more';

/** Of the peer, since it was started. */
const said = (text: string): number => peer.api.output.filter((line) => line.includes(text)).length;

const relayWaits = (): Promise<boolean> =>
  deployment.backends
    .rows(
      `SELECT 1 FROM pg_stat_activity WHERE application_name = 'platform-manager outbox'
         AND wait_event_type = 'Lock' AND query LIKE 'UPDATE platform_changes SET drained_at%'`,
    )
    .then(({ length }) => length > 0);

it('a process frozen while it holds outbox rows: a healthy peer drains them within a second or so; it reads nothing cached meanwhile and says so once', async () => {
  const users = await deployment.insertUsers(5);
  await peer.warm(users);
  const hits = async () => (await Promise.all(users.map((user) => peer.list(user)))).every(isHit);
  // On a busy machine the rows of the new users themselves may have made it say so; it must have taken that back.
  await waitUntil(
    async () => (await deployment.pendingChanges()) === 0 && (await hits()) && said(OFF) === said(ON),
    {
      timeoutMs: 20_000,
      what: 'the peer to read the cache',
    },
  );
  // Only the victim claims the rows; it gets as far as marking them, and is frozen there.
  await peer.api.freeze();
  const locker = await deployment.backends.sql.connect();
  const [offBefore, onBefore] = [said(OFF), said(ON)];
  try {
    await locker.query('SELECT pg_advisory_lock($1)', [MARKING]);
    await deployment.backends.rows(
      `UPDATE platform_connections SET name = 'after' WHERE user_id = ANY($1::integer[])`,
      [users.map(({ id }) => id)],
    );
    await waitUntil(relayWaits, { timeoutMs: 20_000, what: 'the victim to mark what it has dropped' });
    await victim.api.freeze();
    peer.api.thaw();
    await waitUntil(() => said(OFF) > offBefore, {
      timeoutMs: 20_000,
      what: 'the peer to distrust the cache',
    });
    expect((await Promise.all(users.map((user) => peer.list(user)))).filter(isHit)).toEqual([]);
  } finally {
    await locker.query('SELECT pg_advisory_unlock($1)', [MARKING]);
    locker.release();
  }
  const began = performance.now();
  await waitUntil(async () => (await deployment.pendingChanges()) === 0, {
    timeoutMs: DRAINED_WITHIN_MS,
    what: 'the peer to drain the rows',
  });
  note(`drained after ${Math.round(performance.now() - began)} ms`);
  await waitUntil(hits, { timeoutMs: 20_000, what: 'hits at the peer' });
  expect(await deployment.staleKeys(users)).toEqual([]);
  expect([said(OFF), said(ON)]).toEqual([offBefore + 1, onBefore + 1]);
  victim.api.thaw();
  await victim.whenReady();
  expect((await Promise.all(users.map((user) => victim.list(user)))).map(({ status }) => status)).toEqual(
    users.map(() => 200),
  );
}, 120_000);
