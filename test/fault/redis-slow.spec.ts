import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { type Figure, expectBestRound } from '../support/best-round.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import { NoiseProbe } from '../support/fault-watch.js';
import type { InsertedUser } from '../support/insert-users.js';
import { type Reply, SteadyLoad, durations, note, quantile, tally } from '../support/load.js';

const RATE = 80;
/** Each takes some seconds, in which a busy machine is likely to hesitate. */
const ROUNDS = 5;
const USERS = 200;
const DEADLINE_MS = 100;
/** A request whose session is to be read again waits for that too. */
const READS = 2;
const ALLOWED_MS = 100;
/** For a machine that is busy with something else at the wrong moment. */
const NOISE_MS = 40;

let deployment: FaultDeployment;
let process: FaultProcess;
let users: InsertedUser[];

beforeAll(async () => {
  deployment = await FaultDeployment.start({ REDIS_COMMAND_TIMEOUT_MS: String(DEADLINE_MS) });
  process = await deployment.startProcess({ proxies: ['redis'] });
  users = await deployment.insertUsers(USERS);
  await process.warm(users);
}, 180_000);
afterAll(() => deployment.remove(), 120_000);

const startLoad = (among: readonly InsertedUser[]): SteadyLoad =>
  new SteadyLoad(RATE, () => {
    const user = among[Math.floor(Math.random() * among.length)];
    if (user === undefined) throw new Error('No users');
    return process.list(user);
  });

const p99 = (replies: readonly Reply[]): number => quantile(durations(replies), 0.99);

/** What a read costs that passes the cache by, with Redis known to be away. */
async function bypassing(among: readonly InsertedUser[]): Promise<Reply[]> {
  await process.redisLink.cut();
  await waitUntil(() => process.isBreakerOpen(), { timeoutMs: 15_000, what: 'the breaker to open' });
  const load = startLoad(among);
  await sleep(1500);
  await load.stop();
  await process.redisLink.restore();
  await process.whenReady();
  return load.replies;
}

/** When the breaker opened, by performance.now(), from the time in its log line; null if it did not. */
function openedAt(since: number): number | null {
  for (const line of process.api.output) {
    if (!line.includes('Redis is not used')) continue;
    const at = Date.parse((JSON.parse(line) as { time: string }).time) - performance.timeOrigin;
    // The log has whole milliseconds.
    if (at >= since - 1) return at;
  }
  return null;
}

const faults: [string, () => void | Promise<void>, () => void][] = [
  [
    'answers two seconds late',
    () => process.redisLink.setLatencyMs(1000),
    () => process.redisLink.setLatencyMs(0),
  ],
  ['is frozen', () => deployment.redis.freeze(), () => deployment.redis.thaw()],
];
const keys: [string, number][] = [
  ['many keys', USERS],
  ['one hot key', 1],
];

describe.each(faults)('Redis %s', (_fault, begin, end) => {
  it.each(keys)(
    `read by %s: at most ${READS} deadlines and ${ALLOWED_MS} ms more until the breaker opens within a second, then nothing`,
    (_keys, count) => expectBestRound(() => measure(users.slice(0, count), begin, end), ROUNDS),
    180_000,
  );
});

async function measure(
  among: readonly InsertedUser[],
  begin: () => void | Promise<void>,
  end: () => void,
): Promise<Figure[]> {
  await process.warm(among);
  const bypassed = await bypassing(among);
  await process.warm(among);

  const probe = new NoiseProbe([process]);
  const load = startLoad(among);
  await sleep(1000);
  const since = performance.now();
  await begin();
  await sleep(2500);
  await load.stop();
  await probe.stop();
  end();
  await process.whenReady();

  const opened = openedAt(since);
  // On a busy machine it may have been open already, and has said so then.
  if (opened === null) return [{ what: 'ms until the breaker opened', value: Infinity, limit: 1000 }];
  const until = load.replies.filter(({ sentAt }) => sentAt >= since - DEADLINE_MS && sentAt < opened);
  const after = load.replies.filter(({ sentAt }) => sentAt > opened);
  note(`p99 ${Math.round(p99(bypassed))} ms without Redis; noise ${Math.round(probe.p99(opened))} ms`);
  expect(tally(load.replies.map(({ status }) => status))).toEqual({ 200: load.replies.length });
  expect(new Set(after.map(({ cacheStatus }) => cacheStatus.split(';')[1]))).toEqual(
    new Set([' fwd=bypass']),
  );
  return [
    { what: 'ms until the breaker opened', value: opened - since, limit: 1000 },
    {
      what: 'p99 until then',
      value: p99(until),
      limit: p99(bypassed) + READS * DEADLINE_MS + ALLOWED_MS + probe.p99(since, opened),
    },
    { what: 'p99 after', value: p99(after), limit: 2 * p99(bypassed) + NOISE_MS + probe.p99(opened) },
  ];
}
