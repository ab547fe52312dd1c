import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { expectBestRound } from '../support/best-round.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import { SteadyLoad, isHit, note, tally } from '../support/load.js';

// Ten thousand keys that are each asked for several times a TTL need more than two shared cores, or minutes: that is
// the long run. The short one has the same ratios of keys, TTL and requests.
const LONG = process.env.FAULT_LONG !== undefined;
const KEYS = LONG ? 10_000 : 300;
const TTL_SECONDS = LONG ? 100 : 10;
const RATE = LONG ? 1000 : 300;
const WINDOW_MS = TTL_SECONDS * 200;

let deployment: FaultDeployment;
let processes: FaultProcess[];
let users: InsertedUser[];

beforeAll(async () => {
  deployment = await FaultDeployment.start({ CACHE_PLATFORM_TTL_SECONDS: String(TTL_SECONDS) });
  processes = await Promise.all([deployment.startProcess(), deployment.startProcess()]);
  users = await deployment.insertUsers(KEYS);
}, 120_000);
afterAll(() => deployment.remove(), 120_000);

/** Every key is there from now on, and lives as long as `lifetimeMs` says. */
async function fill(lifetimeMs: () => number): Promise<void> {
  const [process] = processes as [FaultProcess];
  for (let start = 0; start < users.length; start += 50) {
    await Promise.all(users.slice(start, start + 50).map((user) => process.list(user)));
  }
  await Promise.all(
    users.map(({ id }) => deployment.backends.redis.pExpire(`user_platforms:${id}`, Math.ceil(lifetimeMs()))),
  );
}

/** SELECTs a second in each window for `forMs`, by the time that the window really took. */
async function selects(forMs: number): Promise<number[]> {
  const windows: number[] = [];
  await deployment.statements.reset();
  const begin = performance.now();
  for (let total = 0, since = begin; since - begin < forMs;) {
    await sleep(begin + (windows.length + 1) * WINDOW_MS - performance.now());
    const now = await deployment.statements.platformSelects();
    const until = performance.now();
    windows.push(((now - total) * 1000) / (until - since));
    [total, since] = [now, until];
  }
  return windows;
}

it(
  `${KEYS} keys expire together: the database's rate is at most twice the steady one`,
  () =>
    expectBestRound(async () => {
      const ttlMs = TTL_SECONDS * 1000;
      await fill(() => Math.random() * ttlMs);
      const load = new SteadyLoad(RATE, (n) =>
        (processes[n % 2] as FaultProcess).list(users[Math.floor(Math.random() * KEYS)] as InsertedUser),
      );
      // Entries whose ends are spread as those of a system that has run for long.
      const spread = await selects(1.4 * ttlMs);
      const steady = spread.slice(2).reduce((sum, count) => sum + count, 0) / (spread.length - 2);

      await Promise.all(users.map(({ id }) => deployment.backends.redis.del(`user_platforms:${id}`)));
      await fill(() => ttlMs);
      const together = await selects(1.4 * ttlMs);
      await load.stop();

      const hits = load.replies.filter(isHit).length / load.replies.length;
      const inWords = (windows: number[]): string => windows.map(Math.round).join(' ');
      note(`a second, in windows: ${inWords(spread)} spread, ${inWords(together)} together`);
      note(`${(hits * 100).toFixed(1)} % hits`);
      expect(tally(load.replies.map(({ status }) => status))).toEqual({ 200: load.replies.length });
      expect(steady).toBeGreaterThan(0);
      return [{ what: 'SELECTs a second', value: Math.max(...together), limit: 2 * steady }];
    }),
  1_000_000,
);
