import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { type Figure, expectBestRound } from '../support/best-round.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import { History } from '../support/fault-history.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import { note, tally } from '../support/load.js';
import { type RedisServer, startRedis } from '../support/servers/redis.js';

const USERS = 20;
const NEVER_STALE_AFTER_MS = 2000;

let deployment: FaultDeployment;
let other: RedisServer;
let processes: FaultProcess[];
let users: InsertedUser[];
let cold: InsertedUser[];

beforeAll(async () => {
  [deployment, other] = await Promise.all([FaultDeployment.start(), startRedis()]);
  processes = await Promise.all([deployment.startProcess(), deployment.startProcess()]);
}, 180_000);
/** Each time with users of its own, and with both processes well again. */
async function round(measure: () => Promise<Figure[]>): Promise<Figure[]> {
  users = await deployment.insertUsers(USERS);
  cold = await deployment.insertUsers(USERS);
  for (const process of processes) await process.warm(users);
  const figures = await measure();
  await deployment.whenReady();
  return figures;
}
afterAll(async () => {
  await deployment.remove();
  await other.remove();
}, 120_000);

const redis = (...command: string[]): Promise<unknown> => deployment.backends.redis.sendCommand(command);

async function master(...command: string[]): Promise<void> {
  const client = deployment.backends.redis.duplicate({ url: other.url() });
  client.on('error', () => undefined);
  await client.connect();
  await client.sendCommand(command);
  client.destroy();
}

const replicationState = async (): Promise<string> => String(await redis('INFO', 'replication'));

/** Cached and uncached reads of everybody at both processes while each user's connection is written once. */
async function readAndWrite(history: History): Promise<void> {
  const [writer] = processes as [FaultProcess];
  const writes = Promise.all(users.map((user) => history.write(writer, user, 'after')));
  let writing = true;
  void writes.then(() => (writing = false));
  do {
    for (const process of processes) {
      await Promise.all(users.map((user) => history.read(process, user, 'list')));
      await Promise.all([...users, ...cold].map((user) => history.read(process, user, 'one')));
    }
  } while (writing);
  expect(tally((await writes).map(({ status }) => status))).toEqual({ 200: USERS });
}

/** How long it takes until everything is new in Redis, and from then on in what is answered. */
async function untilNothingIsStale(history: History): Promise<Figure[]> {
  const since = performance.now();
  await waitUntil(
    async () => (await deployment.pendingChanges()) === 0 && (await deployment.staleKeys(users)).length === 0,
    { timeoutMs: 20_000, what: 'the stale entries to go' },
  );
  const value = performance.now() - since;
  note(`${history.reads} reads`);
  for (const process of processes) {
    for (const user of users) await history.read(process, user, 'list');
  }
  expect(history.olderThanAcknowledged()).toEqual([]);
  expect(history.unanswered).toEqual([]);
  await deployment.whenReady();
  const again = await Promise.all(users.map((user) => (processes[1] as FaultProcess).list(user)));
  expect(tally(again.map(({ cacheStatus }) => cacheStatus))).toEqual({ 'platform-manager; hit': USERS });
  return [{ what: 'ms until nothing is stale', value, limit: NEVER_STALE_AFTER_MS }];
}

it(
  'Redis out of memory: reads and writes all answer, and nothing is stale afterwards',
  () =>
    expectBestRound(() =>
      round(async () => {
        await redis('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '1');
        const history = new History();
        try {
          await readAndWrite(history);
        } finally {
          await redis('CONFIG', 'SET', 'maxmemory', '0');
        }
        return untilNothingIsStale(history);
      }),
    ),
  120_000,
);

it(
  'Redis a read-only replica: reads all answer, the failed drops wait in the outbox, and nothing is stale two seconds after recovery',
  () =>
    expectBestRound(() =>
      round(async () => {
        // The other server takes over the entries and is then followed, so that old entries stay where they are.
        await master('REPLICAOF', '127.0.0.1', String(deployment.redis.port));
        await waitUntil(async () => /state=online/.test(await replicationState()), {
          timeoutMs: 30_000,
          what: 'the copy',
        });
        await master('REPLICAOF', 'NO', 'ONE');
        await redis('REPLICAOF', '127.0.0.1', String(other.port));
        await waitUntil(async () => /master_link_status:up/.test(await replicationState()), {
          timeoutMs: 30_000,
          what: 'the replica to follow',
        });
        // A moment for what depends on the connection to settle: the fault under test is the refusal, not the switch.
        await sleep(300);

        const history = new History();
        await readAndWrite(history);
        expect(await deployment.pendingChanges()).toBe(USERS);
        // Both lists and single ones are still there, old.
        expect(await deployment.staleKeys(users)).toHaveLength(2 * USERS);
        expect(history.olderThanAcknowledged()).toEqual([]);

        await redis('REPLICAOF', 'NO', 'ONE');
        return untilNothingIsStale(history);
      }),
    ),
  180_000,
);
