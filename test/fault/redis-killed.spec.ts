import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Figure, expectBestRound } from '../support/best-round.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import { PoolWatch } from '../support/fault-watch.js';
import type { InsertedUser } from '../support/insert-users.js';
import { type Reply, SteadyLoad, durations, isHit, note, pick, quantile, tally } from '../support/load.js';

const RATE = 500;
const POOL_MAX = 15;
const USERS = 400;

let deployment: FaultDeployment;
let processes: FaultProcess[];
let users: InsertedUser[];

beforeAll(async () => {
  deployment = await FaultDeployment.start({ DATABASE_POOL_MAX: String(POOL_MAX) });
  processes = await Promise.all([deployment.startProcess(), deployment.startProcess()]);
  users = await deployment.insertUsers(USERS);
  for (const process of processes) await process.warm(users);
}, 180_000);
afterAll(() => deployment.remove(), 120_000);

it(
  `Redis killed under ${RATE} requests a second and started again: none fails, no pool overflows, and hits return`,
  () => expectBestRound(killAndRestart),
  180_000,
);

async function killAndRestart(): Promise<Figure[]> {
  for (const process of processes) await process.warm(users);
  const linesBefore = processes.map(({ api }) => api.output.length);
  const watch = new PoolWatch(deployment, processes);
  const replies = processes.map((): Reply[] => []);
  const load = new SteadyLoad(RATE, async (n) => {
    const reply = await pick(processes, n).list(pick(users, Math.floor(Math.random() * USERS)));
    pick(replies, n).push(reply);
    return reply;
  });
  await sleep(1500);
  const killedAt = performance.now();
  await deployment.redis.kill();
  await sleep(3000);
  await deployment.redis.start();
  const backAt = performance.now();
  await sleep(2500);
  await load.stop();
  await watch.stop();

  const all = replies.flat();
  const failed = all.filter(({ status }) => status !== 200).map(({ status, text }) => `${status} ${text}`);
  const firstHits = replies.map(
    (own) =>
      Math.min(...own.filter((reply) => reply.sentAt > backAt && isHit(reply)).map(({ sentAt }) => sentAt)) -
      backAt,
  );
  const outage = all.filter(({ sentAt }) => sentAt > killedAt && sentAt < backAt);
  note(
    `${JSON.stringify(tally(all.map(({ status }) => status)))}, p99 ${Math.round(quantile(durations(all), 0.99))} ms`,
  );
  note(`${outage.length} in the outage, p99 ${Math.round(quantile(durations(outage), 0.99))} ms`);
  note(`pool ${watch.mostConnections} of ${POOL_MAX}, on the server ${watch.mostOnServer}`);
  expect(watch.mostConnections).toBeLessThanOrEqual(POOL_MAX);
  expect(watch.mostOnServer).toBeLessThanOrEqual(POOL_MAX * processes.length);
  expect(await deployment.staleKeys(users)).toEqual([]);

  // One line for the outage in each process, however many requests it met.
  const lines = processes.map(({ api }, index) => api.output.slice(linesBefore[index]));
  for (const own of lines) expect(own).toContainEqual(expect.stringContaining('Redis is not used'));
  await deployment.whenReady();
  return [
    { what: `answers other than 200 ${JSON.stringify(tally(failed))}`, value: failed.length, limit: 0 },
    {
      what: 'fewest that wait in the outage',
      value: watch.leastWaiting(killedAt + 1000, backAt),
      limit: 0,
    },
    { what: 'ms until hits return', value: Math.max(...firstHits), limit: 2000 },
    { what: 'lines in a log', value: Math.max(...lines.map(({ length }) => length)), limit: 1 },
  ];
}
