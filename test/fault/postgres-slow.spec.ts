import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { type Figure, expectBestRound } from '../support/best-round.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import { NoiseProbe, PoolWatch } from '../support/fault-watch.js';
import type { InsertedUser } from '../support/insert-users.js';
import { type Reply, SteadyLoad, durations, isHit, note, quantile, tally } from '../support/load.js';

const POOL_MAX = 6;
const STATEMENT_TIMEOUT_MS = 1000;
/** The client gives up a little later than the server, and a busy machine is late. */
const GRACE_MS = 500;
const ACQUIRE_TIMEOUT_MS = 500;
const RATE = 100;
/** For a machine that is busy with something else at the wrong moment. */
const NOISE_MS = 40;
/** Misses are sent in waves, so that there is time to measure hits. */
const WAVES = 12;
const MISSES_A_WAVE = 15;
const WAVE_MS = 350;

let deployment: FaultDeployment;
let near: FaultProcess;
let far: FaultProcess;
let warm: InsertedUser[];

beforeAll(async () => {
  deployment = await FaultDeployment.start({
    DATABASE_POOL_MAX: String(POOL_MAX),
    DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
    DATABASE_ACQUIRE_TIMEOUT_MS: String(ACQUIRE_TIMEOUT_MS),
  });
  [near, far] = await Promise.all([
    deployment.startProcess(),
    deployment.startProcess({ proxies: ['database'] }),
  ]);
  warm = await deployment.insertUsers(50);
  await near.warm(warm);
  await far.warm(warm);
}, 180_000);
afterAll(() => deployment.remove(), 120_000);

/** Statements of the API that the server is working on, or that wait for a lock there. */
async function runningStatements(): Promise<number> {
  const [row] = await deployment.backends.rows<{ count: number }>(
    `SELECT count(*)::integer AS count FROM pg_stat_activity
     WHERE application_name = 'platform-manager' AND state = 'active'`,
  );
  return row?.count ?? 0;
}

const median = (replies: readonly Reply[]): number => quantile(durations(replies), 0.5);
const p99 = (replies: readonly Reply[]): number => quantile(durations(replies), 0.99);

interface Measured {
  readonly hits: readonly Reply[];
  readonly misses: readonly Reply[];
  readonly watch: PoolWatch;
  readonly noiseMs: number;
}

/** Hits at a steady rate, and misses meanwhile. */
async function measure(process: FaultProcess, cold: readonly InsertedUser[]): Promise<Measured> {
  const watch = new PoolWatch(deployment, [process]);
  const probe = new NoiseProbe([process]);
  const hits = new SteadyLoad(RATE, (n) => process.list(warm[n % warm.length] as InsertedUser));
  const waves: Promise<Reply[]>[] = [];
  for (let start = 0; start < cold.length; start += MISSES_A_WAVE) {
    waves.push(Promise.all(cold.slice(start, start + MISSES_A_WAVE).map((user) => process.list(user))));
    await sleep(WAVE_MS);
  }
  await hits.stop();
  const misses = (await Promise.all(waves)).flat();
  await watch.stop();
  await probe.stop();
  return { hits: hits.replies, misses, watch, noiseMs: probe.p99() };
}

/** What has to hold in any case is asserted; how long it took is returned. */
async function contained(process: FaultProcess, begin: () => Promise<void>): Promise<Figure[]> {
  const [first, second] = [
    await deployment.insertUsers(WAVES * MISSES_A_WAVE),
    await deployment.insertUsers(WAVES * MISSES_A_WAVE),
  ];
  const calm = await measure(process, first);
  expect(tally(calm.misses.map(({ status }) => status))).toEqual({ 200: calm.misses.length });
  await begin();
  const { hits, misses, watch, noiseMs } = await measure(process, second);

  note(`hits' p99 ${p99(calm.hits).toFixed(1)} ms before; noise ${Math.round(noiseMs)} ms`);
  expect(tally(hits.map((reply) => `${reply.status} ${isHit(reply)}`))).toEqual({
    '200 true': hits.length,
  });
  expect(watch.mostConnections).toBeLessThanOrEqual(POOL_MAX);
  expect(watch.mostOnServer).toBeLessThanOrEqual(POOL_MAX * 2);
  expect(tally(misses.map(({ status, retryAfter }) => `${status} ${retryAfter}`))).toEqual({
    '503 1': misses.length,
  });
  return [
    { what: "hits' p99", value: p99(hits), limit: 3 * p99(calm.hits) + NOISE_MS + noiseMs },
    { what: "hits' median", value: median(hits), limit: 2 * median(calm.hits) + NOISE_MS / 4 },
    {
      // Those that hold a connection fail at the statement time-out; the others wait for one no longer than they may.
      what: 'ms of the slowest miss',
      value: Math.max(...durations(misses)),
      limit: ACQUIRE_TIMEOUT_MS + STATEMENT_TIMEOUT_MS + GRACE_MS + noiseMs,
    },
  ];
}

/** Milliseconds until the server works on no statement of the API any more. */
async function msUntilIdle(): Promise<number> {
  const since = performance.now();
  await waitUntil(async () => (await runningStatements()) === 0, {
    timeoutMs: 30_000,
    what: 'the server to have no statement of the API left',
  });
  return performance.now() - since;
}

describe('PostgreSQL slow', () => {
  it(
    'a lock is held for five seconds: the pool keeps its size, hits are as fast, misses fail at the statement time-out, and the server is left with none',
    () =>
      expectBestRound(async () => {
        const locker = await deployment.backends.sql.connect();
        const figures: Figure[] = [];
        try {
          figures.push(
            ...(await contained(near, async () => {
              await locker.query('BEGIN');
              await locker.query('LOCK TABLE platform_connections IN ACCESS EXCLUSIVE MODE');
            })),
          );
          const value = await msUntilIdle();
          figures.push({ what: 'ms until all are cancelled', value, limit: STATEMENT_TIMEOUT_MS + GRACE_MS });
        } finally {
          await locker.query('ROLLBACK');
          locker.release();
        }
        const [user] = await deployment.insertUsers(1);
        expect((await near.list(user as InsertedUser)).status).toBe(200);
        return figures;
      }),
    180_000,
  );

  it(
    '300 writes at once wait for locked rows: all are 503 in time, nobody waits in the pool, hits and misses are answered',
    () =>
      expectBestRound(async () => {
        const blocked = await deployment.insertUsers(300);
        const cold = await deployment.insertUsers(WAVES * MISSES_A_WAVE);
        const locker = await deployment.backends.sql.connect();
        const figures: Figure[] = [];
        try {
          await locker.query('BEGIN');
          await locker.query('SELECT 1 FROM platform_connections WHERE id = ANY($1::integer[]) FOR UPDATE', [
            blocked.map(({ platformId }) => platformId),
          ]);
          const writing = Promise.all(blocked.map((user) => near.rename(user, 'after')));
          const { hits, misses, watch, noiseMs } = await measure(near, cold);
          const writes = await writing;

          expect(tally(writes.map(({ status, retryAfter }) => `${status} ${retryAfter}`))).toEqual({
            '503 1': writes.length,
          });
          expect(tally(hits.map((reply) => `${reply.status} ${isHit(reply)}`))).toEqual({
            '200 true': hits.length,
          });
          expect(watch.mostConnections).toBeLessThanOrEqual(POOL_MAX);
          expect(watch.mostWaitingInPool).toBe(0);
          figures.push(
            {
              what: 'ms of the slowest write',
              value: Math.max(...durations(writes)),
              limit: ACQUIRE_TIMEOUT_MS + STATEMENT_TIMEOUT_MS + GRACE_MS + noiseMs,
            },
            // A busy machine may not get to one of them in the time that it may wait.
            { what: 'misses refused', value: misses.filter(({ status }) => status !== 200).length, limit: 0 },
          );
        } finally {
          await locker.query('ROLLBACK');
          locker.release();
        }
        expect((await near.rename(blocked[0] as InsertedUser, 'after')).status).toBe(200);
        return figures;
      }),
    180_000,
  );

  it(
    'each round trip takes five seconds: the same, and the pool is usable when the network is well again',
    () =>
      expectBestRound(async () => {
        const figures = await contained(far, async () => {
          far.databaseLink.setLatencyMs(2500);
        });
        await msUntilIdle();
        far.databaseLink.setLatencyMs(0);
        // Some connections of the pool still wait for what was sent slowly, so the first answers may be refusals.
        let left = await deployment.insertUsers(30);
        const answerAll = async (): Promise<boolean> => {
          const answers = await Promise.all(left.map((user) => far.list(user)));
          left = left.filter((_, n) => answers[n]?.status !== 200);
          return left.length === 0;
        };
        await waitUntil(answerAll, { timeoutMs: 30_000, what: 'all misses to be answered again' });
        return figures;
      }),
    240_000,
  );
});
