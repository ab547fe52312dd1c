import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IMPATIENT_WITH_REDIS } from '../support/backends.js';
import { type Figure, expectBestRound } from '../support/best-round.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import { History } from '../support/fault-history.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import { durations, note } from '../support/load.js';

const USERS = 8;
const FAULT_MS = 3000;
/** Between two reads of one reader: the point is when they fall, not how many they are. */
const READ_PAUSE_MS = 3;

let deployment: FaultDeployment;
let writer: FaultProcess;
let reader: FaultProcess;

beforeAll(async () => {
  deployment = await FaultDeployment.start(IMPATIENT_WITH_REDIS);
  [writer, reader] = await Promise.all([
    deployment.startProcess({ proxies: ['redis'] }),
    deployment.startProcess({ proxies: ['redis'] }),
  ]);
}, 180_000);
afterAll(() => deployment.remove(), 120_000);

/** Writers of each user at one process and readers at both, for as long as the fault lasts. */
async function writeAndRead(users: readonly InsertedUser[], history: History, forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  const write = async (user: InsertedUser): Promise<void> => {
    for (let n = 0; performance.now() < until; n++) {
      const { status, text } = await history.write(writer, user, `name ${n}`);
      if (status !== 200) throw new Error(`A write was answered ${status}: ${text}`);
    }
  };
  const read = async (process: FaultProcess, user: InsertedUser): Promise<void> => {
    while (performance.now() < until) {
      await history.read(process, user, Math.random() < 0.5 ? 'list' : 'one');
      await sleep(READ_PAUSE_MS);
    }
  };
  await Promise.all(users.flatMap((user) => [write(user), read(reader, user), read(writer, user)]));
}

describe('one process cut off from Redis while it writes', () => {
  const faults: [string, () => void | Promise<void>][] = [
    ['its connection is refused', () => writer.redisLink.cut()],
    ['its packets are dropped', () => writer.redisLink.hang()],
    ['its replies come two seconds late', () => writer.redisLink.setLatencyMs(1000)],
  ];
  it.each(faults)(
    '%s: no read is older than an acknowledged write, nor staler than a second',
    (_name, breakLink) => expectBestRound(() => writeCutOff(breakLink)),
    120_000,
  );

  async function writeCutOff(breakLink: () => void | Promise<void>): Promise<Figure[]> {
    const users = await deployment.insertUsers(USERS);
    await Promise.all([writer.warm(users), reader.warm(users)]);
    const history = new History();
    await breakLink();
    await writeAndRead(users, history, FAULT_MS);

    writer.redisLink.setLatencyMs(0);
    writer.redisLink.reset();
    writer.redisLink.resume();
    await writer.redisLink.restore();
    await deployment.whenReady();
    await writeAndRead(users, history, 500);

    expect(history.olderThanAcknowledged()).toEqual([]);
    const stalestMs = await history.stalestMs(deployment);
    note(`${history.reads} reads, ${history.writes.length} writes`);
    expect(history.unanswered).toEqual([]);
    expect(history.reads).toBeGreaterThan(100);
    await deployment.backends.settled();
    expect(await deployment.staleKeys(users)).toEqual([]);
    return [{ what: 'ms that a read was stale', value: stalestMs, limit: 1000 }];
  }

  it('with no healthy peer left, writes are answered in bounded time and nobody reads what they replaced', async () => {
    const users = await deployment.insertUsers(USERS);
    await Promise.all([writer.warm(users), reader.warm(users)]);
    const history = new History();
    writer.redisLink.hang();
    reader.redisLink.hang();
    await writeAndRead(users, history, FAULT_MS);
    expect(await deployment.pendingChanges()).toBeGreaterThan(0);
    const slowestMs = Math.max(...durations(history.writes));
    note(`${history.reads} reads, ${history.writes.length} writes, the slowest ${Math.round(slowestMs)} ms`);
    // Each waits two seconds for a peer.
    expect(slowestMs).toBeLessThan(15_000);

    for (const { redisLink } of [writer, reader]) {
      redisLink.reset();
      redisLink.resume();
    }
    await deployment.whenReady();
    await writeAndRead(users, history, 500);
    expect(history.olderThanAcknowledged()).toEqual([]);
    expect(history.unanswered).toEqual([]);
    expect(await deployment.staleKeys(users)).toEqual([]);
  }, 180_000);
});
