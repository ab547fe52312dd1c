import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Figure, expectBestRound } from '../support/best-round.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import { COLLECTABLE } from '../support/fault-preload.js';
import type { FaultProcess } from '../support/fault-process.js';
import { NoiseProbe } from '../support/fault-watch.js';
import type { InsertedUser } from '../support/insert-users.js';
import { type Reply, SteadyLoad, durations, isHit, note, pick, quantile, tally } from '../support/load.js';

const RATE = 150;
const USERS = 100;
const LONG = process.env.FAULT_LONG !== undefined;
const BOTH_DOWN_MS = LONG ? 300_000 : 20_000;
const MISS_LIMIT_MS = 250;
const BOTH_DOWN_LIMIT_MS = 300;
/** After which nobody waits for the database any more. */
const WAITING_MS = 1000;
/** What the live heap may be larger by at the end. */
const HEAP_GROWTH_BYTES = 3 * 1024 * 1024;
const HEAP_SETTLING_MS = 5000;
/** For what has piled up meanwhile. */
const HEAP_PAUSE_MS = 1000;

let deployment: FaultDeployment;
let processes: FaultProcess[];
let warm: InsertedUser[];

beforeAll(async () => {
  deployment = await FaultDeployment.start();
  processes = await Promise.all([
    deployment.startProcess({ env: COLLECTABLE }),
    deployment.startProcess({ env: COLLECTABLE }),
  ]);
  warm = await deployment.insertUsers(USERS);
  for (const one of processes) await one.warm(warm);
}, 180_000);
afterAll(() => deployment.remove(), 120_000);

/** A refusal that says when to come again. */
function expectRefusals(replies: readonly Reply[]): void {
  expect(tally(replies.map(({ status, retryAfter }) => `${status} ${retryAfter}`))).toEqual({
    '503 1': replies.length,
  });
}

/** Bytes in use after a collection, of each process. */
async function liveHeaps(): Promise<number[]> {
  await Promise.all(processes.map((one) => one.collectGarbage()));
  return Promise.all(processes.map((one) => one.metric('nodejs_heap_size_used_bytes')));
}

afterEach(async () => {
  // Those that a failed test has left down.
  await deployment.startServers();
  await deployment.whenReady();
}, 120_000);

describe('PostgreSQL stopped, cache warm', () => {
  it.each([
    ['shut down', () => deployment.postgres.stop()],
    ['killed', () => deployment.postgres.kill()],
  ])(
    `%s: all cached reads answer, and misses 503 within ${MISS_LIMIT_MS} ms`,
    (_name, end) => expectBestRound(() => readWithout(end)),
    120_000,
  );

  async function readWithout(end: () => Promise<void>): Promise<Figure[]> {
    const cold = await deployment.insertUsers(USERS);
    // Now that nothing waits to be dropped any more.
    for (const one of processes) await one.warm(warm);
    const load = new SteadyLoad(RATE, (n) => {
      const user = pick(warm, Math.floor(n / 2));
      return n % 4 < 2 ? pick(processes, n).list(user) : pick(processes, n).one(user);
    });
    const probe = new NoiseProbe(processes);
    await end();
    const endedAt = performance.now();
    const misses: Reply[] = [];
    for (const user of cold) misses.push(await pick(processes, misses.length).list(user));
    const writes = await Promise.all(processes.map((one, n) => one.rename(pick(warm, n), 'never')));
    await sleep(Math.max(0, endedAt + WAITING_MS - performance.now()));
    const waiting = await Promise.all(processes.map((one) => one.waiting()));
    await load.stop();
    await probe.stop();

    note(`${load.replies.length} hits; noise ${Math.round(probe.p99())} ms`);
    expect(tally(load.replies.map((reply) => `${reply.status} ${isHit(reply)}`))).toEqual({
      '200 true': load.replies.length,
    });
    expectRefusals([...misses, ...writes]);
    expect(waiting).toEqual(processes.map(() => 0));

    await deployment.postgres.start();
    await deployment.whenReady();
    expect((await pick(processes, 0).list(pick(cold, 0))).status).toBe(200);
    expect((await pick(processes, 1).rename(pick(warm, 1), 'again')).status).toBe(200);
    return [
      {
        what: 'ms of the slowest miss',
        value: Math.max(...durations(misses)),
        limit: MISS_LIMIT_MS + probe.p99(),
      },
    ];
  }
});

it(
  `both down for ${BOTH_DOWN_MS / 1000} s: 503 within ${BOTH_DOWN_LIMIT_MS} ms, the processes live on in the same memory, and recover by themselves`,
  () => expectBestRound(withoutBoth),
  3 * (BOTH_DOWN_MS + 60_000),
);

async function withoutBoth(): Promise<Figure[]> {
  const pids = processes.map(({ api }) => api.pid);
  const linesBefore = processes.map(({ api }) => api.output.length);
  await Promise.all([deployment.postgres.kill(), deployment.redis.kill()]);
  const slowest: number[] = [];
  const statuses: Record<string, number> = {};
  let count = 0;
  // Not while the garbage is collected, which stops the process for longer than it ever does by itself.
  let measuring = false;
  const load = new SteadyLoad(
    RATE,
    (n) => pick(processes, n).list(pick(warm, Math.floor(n / 2))),
    ({ status, retryAfter, durationMs }) => {
      count++;
      const outcome = `${status} ${retryAfter}`;
      statuses[outcome] = (statuses[outcome] ?? 0) + 1;
      if (measuring) slowest.push(durationMs);
      // So that the measuring does not need more and more memory itself.
      if (slowest.length > 10_000) slowest.splice(0, 5000);
    },
  );
  const probe = new NoiseProbe(processes);
  await sleep(HEAP_SETTLING_MS);
  const before = await liveHeaps();
  await sleep(HEAP_PAUSE_MS);
  measuring = true;
  const since = performance.now();
  await sleep(BOTH_DOWN_MS - HEAP_SETTLING_MS - HEAP_PAUSE_MS);
  const until = performance.now();
  measuring = false;
  const waiting = await Promise.all(processes.map((one) => one.waiting()));
  const after = await liveHeaps();
  await load.stop();
  await probe.stop();
  const noiseMs = probe.p99(since, until);

  const growth = after.map((bytes, n) => bytes - (before[n] ?? 0));
  note(
    `${count} answers, the slowest ${Math.round(Math.max(...slowest))} ms; noise ${Math.round(noiseMs)} ms`,
  );
  expect(statuses).toEqual({ '503 1': count });
  expect(waiting).toEqual(processes.map(() => 0));
  expect(processes.map(({ api }) => api.pid)).toEqual(pids);
  // A line when a server goes, none for a request that meets it.
  for (const [n, { api }] of processes.entries()) {
    const told = api.output.slice(linesBefore[n]);
    expect(told.filter((line) => line.includes('PostgreSQL does not answer'))).toHaveLength(1);
    expect(told.filter((line) => line.includes('Redis is not used'))).toHaveLength(1);
    expect(told.length).toBeLessThan(10);
  }

  await Promise.all([deployment.postgres.start(), deployment.redis.start()]);
  await deployment.whenReady();
  const answers = await Promise.all(
    processes.flatMap((one) => warm.slice(0, 10).map((user) => one.list(user))),
  );
  expect(tally(answers.map(({ status }) => status))).toEqual({ 200: answers.length });
  const again = await Promise.all(
    processes.flatMap((one) => warm.slice(0, 10).map((user) => one.list(user))),
  );
  expect(again.filter(isHit)).toHaveLength(again.length);
  return [
    { what: 'p99', value: quantile(slowest, 0.99), limit: BOTH_DOWN_LIMIT_MS + noiseMs },
    { what: 'bytes more in a heap', value: Math.max(...growth), limit: HEAP_GROWTH_BYTES },
  ];
}
