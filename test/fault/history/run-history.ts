import { expect } from '@jest/globals';
import type { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { signAccessToken } from '../../support/factories.js';
import { insertUsers } from '../../support/insert-users.js';
import { send } from './http.js';
import type { Random } from './random.js';
import { Workload, readState, stateOf } from './workload.js';

const USERS = 24;
const READERS = 24;

export interface Faults {
  /** What was done, how often. */
  readonly counts: Readonly<Record<string, number>>;
  /** Until `stop`; ends with everything healthy. */
  run(): Promise<void>;
  stop(): void;
}

interface History {
  readonly name: string;
  readonly random: Random;
  readonly operations: number;
  readonly backends: Backends;
  readonly baseUrls: readonly string[];
  readonly faults: Faults;
}

/** Random reads and writes through faults, every read checked; at the end, when all is quiet, cache equals database. */
export async function runHistory({
  name,
  random,
  operations,
  backends,
  baseUrls,
  faults,
}: History): Promise<void> {
  const workload = new Workload(random, backends, baseUrls, operations);
  const users = await insertUsers(backends, USERS);
  const tokens = new Map<number, string>();
  for (const { id } of users) {
    const token = await signAccessToken(backends, id, { expiresInSeconds: 7200 });
    tokens.set(id, token);
    workload.addUser(id, token, await readState(backends, id));
  }
  const injecting = faults.run();
  const started = performance.now();
  try {
    await workload.run(READERS);
  } finally {
    faults.stop();
    await injecting;
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(
    `${name}: seed ${random.seed}, ${seconds} s, ${JSON.stringify({ ...workload.counts, ...faults.counts })}\n`,
  );

  const violations = workload.histories.flatMap((history) => history.violations);
  expect(violations.slice(0, 10)).toEqual([]);
  expect(workload.histories.reduce((sum, { unchecked }) => sum + unchecked, 0)).toBe(0);
  expect(workload.counts.reads + workload.counts.writes).toBe(operations);
  // A cache that is never asked could not be stale either. Faults come by the clock: the slower the machine, the more of
  // them, and the fewer reads fall between them.
  expect(workload.counts.hits).toBeGreaterThan(workload.counts.reads / 1000);
  expect(workload.counts.refusedReads).toBe(0);

  await whenQuiet(backends, baseUrls);
  for (const [id, token] of tokens) await expectCachedAsStored(backends, baseUrls, id, token);
  for (const baseUrl of baseUrls) expect(await inconsistencies(baseUrl)).toBe(0);
}

async function whenQuiet(backends: Backends, baseUrls: readonly string[]): Promise<void> {
  await waitUntil(
    async () => {
      const pending = await backends.rows('SELECT 1 FROM platform_changes WHERE drained_at IS NULL LIMIT 1');
      const ready = await Promise.all(
        baseUrls.map(async (baseUrl) => (await fetch(`${baseUrl}/health/ready`)).text()),
      );
      return pending.length === 0 && ready.every((text) => text.includes('"status":"ok"'));
    },
    { timeoutMs: 60_000, what: 'every process to trust its cache again' },
  );
}

/** What lies in Redis, and what each process answers, of the list and of each connection in it. */
async function expectCachedAsStored(
  backends: Backends,
  baseUrls: readonly string[],
  userId: number,
  token: string,
): Promise<void> {
  const truth = await readState(backends, userId);
  const cached = await backends.redis.get(`user_platforms:${userId}`);
  if (cached !== null) expect(stateOf(JSON.parse(cached))).toBe(truth);
  for (const part of truth.split(' ').filter((text) => text !== '')) {
    const id = Number.parseInt(part, 10);
    const one = await backends.redis.get(`platform:${id}`);
    if (one !== null) expect(stateOf([JSON.parse(one)])).toBe(part);
    for (const baseUrl of baseUrls) {
      const answer = await send(`${baseUrl}/v1/platforms/${id}`, { token });
      expect(stateOf([JSON.parse(answer.body)])).toBe(part);
    }
  }
  for (const baseUrl of baseUrls) {
    const answer = await send(`${baseUrl}/v1/platforms`, { token });
    expect(stateOf(JSON.parse(answer.body))).toBe(truth);
  }
}

async function inconsistencies(baseUrl: string): Promise<number> {
  const text = await (await fetch(`${baseUrl}/metrics`)).text();
  return Number(/^cache_inconsistencies_total (\d+)$/m.exec(text)?.[1]);
}
