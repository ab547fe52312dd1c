import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { type Figure, expectBestRound } from '../support/best-round.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import { versionIn } from '../support/fault-history.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';

// Each of the writes is between its COMMIT and its DEL when its process is killed. A process takes seconds to start, so
// a kill interrupts many of them: what becomes of one does not depend on the others, for each has a user, keys and a row
// in the outbox of its own. The long run kills a process for each.
const LONG = process.env.FAULT_LONG !== undefined;
const WRITES = 200;
const KILLS_A_ROUND = 2;
const ROUNDS = LONG ? WRITES / KILLS_A_ROUND : 4;
const NEVER_STALE_AFTER_MS = 2000;
const GIVEN_UP_AFTER_MS = 20_000;

let deployment: FaultDeployment;
let peer: FaultProcess;

beforeAll(async () => {
  deployment = await FaultDeployment.start();
  peer = await deployment.startProcess();
}, 180_000);
afterAll(() => deployment.remove(), 120_000);

/** Its Redis call does not end before the kill; neither does a write wait for another one's connection. */
const startVictim = (): Promise<FaultProcess> =>
  deployment.startProcess({
    proxies: ['redis'],
    env: { REDIS_COMMAND_TIMEOUT_MS: '10000', DATABASE_POOL_MAX: '60' },
  });

async function committed(users: readonly InsertedUser[]): Promise<number> {
  const versions = await deployment.versions(users);
  return [...versions.values()].filter((version) => version === 2).length;
}

async function waitingForLocks(): Promise<number> {
  const [row] = await deployment.backends.rows<{ waiting: number }>(
    `SELECT count(*)::integer AS waiting FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return row?.waiting ?? 0;
}

/** All writes are committed and none has dropped its keys: the link swallows the DEL. */
async function killBetweenCommitAndDel(
  victims: readonly FaultProcess[],
  users: readonly InsertedUser[],
): Promise<void> {
  const { sql } = deployment.backends;
  const holder = await sql.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM platform_connections WHERE user_id = ANY($1::integer[]) FOR UPDATE', [
    users.map(({ id }) => id),
  ]);
  const replies = users.map((user, n) => (victims[n % victims.length] as FaultProcess).rename(user, 'after'));
  // Each has asked Redis whether its session counts, and needs it next for the DEL.
  const isHeld = async (): Promise<boolean> => (await waitingForLocks()) >= users.length;
  await waitUntil(isHeld, { timeoutMs: 9000, what: 'the writes to be held', intervalMs: 20 });
  for (const victim of victims) victim.redisLink.hang();
  await holder.query('COMMIT');
  holder.release();
  const isCommitted = async (): Promise<boolean> => (await committed(users)) === users.length;
  await waitUntil(isCommitted, { timeoutMs: 9000, what: 'the writes to be committed', intervalMs: 2 });
  await Promise.all(victims.map((victim) => victim.api.kill()));
  expect((await Promise.all(replies)).map(({ status }) => status)).toEqual(users.map(() => 0));
  await Promise.all(victims.map((victim) => victim.remove()));
}

it(
  `SIGKILL between COMMIT and DEL of ${WRITES} writes, ${ROUNDS * KILLS_A_ROUND} processes: no entry is stale after two seconds`,
  async () => {
    for (let round = 0; round < ROUNDS; round++) await expectBestRound(() => kill(WRITES / ROUNDS));
    await deployment.backends.settled();
  },
  ROUNDS * 75_000,
);

async function kill(writes: number): Promise<Figure[]> {
  const batch = await deployment.insertUsers(writes);
  // Only now: a process that starts repeats recent invalidations, which would hide one that the peer has missed.
  const victims = await Promise.all(Array.from({ length: KILLS_A_ROUND }, startVictim));
  await peer.warm(batch);
  await killBetweenCommitAndDel(victims, batch);
  const killedAt = performance.now();

  // Readers meanwhile: a fill that began before the drop must not bring the old row back. They may pass by an entry that
  // is still to be dropped, so the entries are looked at too.
  let stale: unknown[] = batch;
  while (performance.now() - killedAt < GIVEN_UP_AFTER_MS) {
    const replies = await Promise.all(batch.map((user) => peer.list(user)));
    stale = [...replies.filter((reply) => versionIn(reply) !== 2), ...(await deployment.staleKeys(batch))];
    if (stale.length === 0) break;
    await sleep(20);
  }
  const staleMs = performance.now() - killedAt;
  expect(stale).toEqual([]);
  expect((await Promise.all(batch.map((user) => peer.one(user)))).map(versionIn)).toEqual(batch.map(() => 2));
  return [{ what: 'ms until nothing is stale', value: staleMs, limit: NEVER_STALE_AFTER_MS }];
}

it('SIGKILL with no peer: what was committed is made good by the next start before anything is read', async () => {
  const users = await deployment.insertUsers(20);
  const victim = await startVictim();
  await peer.warm(users);
  await peer.api.stop();
  await killBetweenCommitAndDel([victim], users);
  expect(await deployment.staleKeys(users)).toHaveLength(2 * users.length);

  const successor = await deployment.startProcess();
  const replies = await Promise.all(users.flatMap((user) => [successor.list(user), successor.one(user)]));
  expect(replies.map(versionIn)).toEqual(replies.map(() => 2));
  expect(await deployment.staleKeys(users)).toEqual([]);
}, 120_000);
