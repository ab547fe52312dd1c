import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { type Figure, expectBestRound } from '../support/best-round.js';
import { FaultDeployment, type FaultUser } from '../support/fault-deployment.js';
import { versionIn } from '../support/fault-history.js';
import type { FaultProcess } from '../support/fault-process.js';

/** Writes that are interrupted, this many at each of the kills. */
const WRITES = 200;
const KILLS = 4;
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

async function committed(users: readonly FaultUser[]): Promise<number> {
  const versions = await deployment.versions(users);
  return [...versions.values()].filter((version) => version === 2).length;
}

/** All writes are committed and none has dropped its keys: the link swallows the DEL. */
async function killBetweenCommitAndDel(victim: FaultProcess, users: readonly FaultUser[]): Promise<void> {
  victim.redisLink.hang();
  const replies = users.map((user) => victim.rename(user, 'after'));
  const isCommitted = async (): Promise<boolean> => (await committed(users)) === users.length;
  await waitUntil(isCommitted, { timeoutMs: 9000, what: 'the writes to be committed', intervalMs: 2 });
  await victim.api.kill();
  expect((await Promise.all(replies)).map(({ status }) => status)).toEqual(users.map(() => 0));
  await victim.remove();
}

it(`SIGKILL between COMMIT and DEL, ${WRITES} times: no entry is stale after two seconds`, async () => {
  for (let kills = 0; kills < KILLS; kills++) await expectBestRound(() => kill(WRITES / KILLS));
  await deployment.whenDrained();
}, 300_000);

async function kill(writes: number): Promise<Figure[]> {
  const batch = await deployment.insertUsers(writes);
  // Only now: a process that starts repeats recent invalidations, which would hide one that the peer has missed.
  const victim = await startVictim();
  await peer.warm(batch);
  await killBetweenCommitAndDel(victim, batch);
  const killedAt = performance.now();

  // Readers meanwhile: a fill that began before the drop must not bring the old row back.
  let stale = batch;
  while (performance.now() - killedAt < GIVEN_UP_AFTER_MS) {
    const replies = await Promise.all(batch.map((user) => peer.list(user)));
    stale = batch.filter((_user, index) => {
      const reply = replies[index];
      return reply === undefined || versionIn(reply) !== 2;
    });
    if (stale.length === 0) break;
    await sleep(20);
  }
  const staleMs = performance.now() - killedAt;
  expect(stale).toEqual([]);
  expect(await deployment.staleKeys(batch)).toEqual([]);
  expect((await Promise.all(batch.map((user) => peer.one(user)))).map(versionIn)).toEqual(batch.map(() => 2));
  return [{ what: 'ms until nothing is stale', value: staleMs, limit: NEVER_STALE_AFTER_MS }];
}

it('SIGKILL with no peer: what was committed is made good by the next start before anything is read', async () => {
  const users = await deployment.insertUsers(20);
  const victim = await startVictim();
  await peer.warm(users);
  await peer.api.stop();
  await killBetweenCommitAndDel(victim, users);
  expect(await deployment.staleKeys(users)).toHaveLength(2 * users.length);

  const successor = await deployment.startProcess();
  const replies = await Promise.all(users.flatMap((user) => [successor.list(user), successor.one(user)]));
  expect(replies.map(versionIn)).toEqual(replies.map(() => 2));
  expect(await deployment.staleKeys(users)).toEqual([]);
}, 120_000);
