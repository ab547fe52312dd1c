import { expect } from '@jest/globals';
import type { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { insertUsers } from '../../support/insert-users.js';
import type { Fleet } from './fleet.js';
import type { Random } from './random.js';
import { type Shown, activeOf, defaultOf, idOf, partOf, partsOf, stateOf } from './state.js';
import { Workload, readState, shownBy } from './workload.js';

const USERS = 24;
const READERS = 24;
/**
 * Of all reads. A cache that is never asked could not be stale either. On an idle machine it is 0.7; on a busy one a process
 * that was killed takes long to start, and the others' reads go on without Redis meanwhile.
 */
const LEAST_HITS = 0.1;
/** Of all reads: what was not cached while the database was away, or whose connection was ended under it. */
const MOST_REFUSED = 0.04;

/** How far the work is. Faults are spaced by it: a slow machine does not meet more of them for the same work. */
export interface Progress {
  /** Resolves when so many more operations have begun, or all. */
  after(operations: number): Promise<void>;
}

export interface Faults {
  /** What was done, how often. */
  readonly counts: Readonly<Record<string, number>>;
  /** Processes that were ended with requests under way. */
  readonly killedProcesses: number;
  /** How long each client rests between two operations, for now. */
  readonly restMs: number;
  /** Until `stop`; ends with everything healthy. */
  run(progress: Progress): Promise<void>;
  stop(): void;
}

interface History {
  readonly name: string;
  readonly random: Random;
  readonly operations: number;
  readonly backends: Backends;
  readonly fleet: Fleet;
  readonly faults: Faults;
}

/** Random reads and writes through faults, every read checked; at the end, when all is quiet, cache equals database. */
export async function runHistory({
  name,
  random,
  operations,
  backends,
  fleet,
  faults,
}: History): Promise<void> {
  const workload = new Workload(random, backends, fleet, operations, READERS, () => faults.restMs);
  const users = await insertUsers(backends, USERS);
  const tokens = new Map<number, string>();
  for (const { id, token } of users) {
    tokens.set(id, token);
    workload.addUser(id, token, await readState(backends, id));
  }
  const injecting = faults.run(workload);
  const started = performance.now();
  try {
    await workload.run();
  } finally {
    faults.stop();
    await injecting;
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  const { counts } = workload;
  process.stdout.write(
    `${name}: seed ${random.seed}, ${seconds} s, ${Math.round((100 * counts.hits) / counts.reads)} % hits, ` +
      `${JSON.stringify({ ...counts, ...faults.counts })}\n`,
  );

  const violations = workload.histories.flatMap((history) => history.violations);
  expect(violations.slice(0, 10)).toEqual([]);
  expect(workload.histories.reduce((sum, { unchecked }) => sum + unchecked, 0)).toBe(0);
  expect(counts.reads + counts.writes).toBe(operations);
  expect(counts.hits).toBeGreaterThan(counts.reads * LEAST_HITS);
  expect(counts.refusedReads).toBeLessThanOrEqual(counts.reads * MOST_REFUSED);
  expect(counts.unanswered).toBeLessThanOrEqual(faults.killedProcesses * workload.clients);

  await whenQuiet(backends, fleet);
  for (const [id, token] of tokens) await expectCachedAsStored(backends, fleet, id, token);
  for (const { api } of fleet.members) expect(await inconsistencies(api.baseUrl)).toBe(0);
}

async function whenQuiet(backends: Backends, fleet: Fleet): Promise<void> {
  await waitUntil(
    async () => {
      const pending = await backends.rows('SELECT 1 FROM platform_changes WHERE drained_at IS NULL LIMIT 1');
      const ready = await Promise.all(
        fleet.members.map(async ({ api }) => (await fetch(`${api.baseUrl}/health/ready`)).text()),
      );
      return pending.length === 0 && ready.every((text) => text.includes('"status":"ok"'));
    },
    { timeoutMs: 60_000, what: 'every process to trust its cache again' },
  );
}

/** What lies in Redis, and what each process answers, of the list, the default and each connection. */
async function expectCachedAsStored(
  backends: Backends,
  fleet: Fleet,
  userId: number,
  token: string,
): Promise<void> {
  const truth = await readState(backends, userId);
  const cached = await backends.cached(`user_platforms:${userId}`);
  if (cached !== null) expect(stateOf(JSON.parse(cached) as Shown[])).toBe(activeOf(truth));
  for (const part of partsOf(truth)) {
    const one = await backends.cached(`platform:${idOf(part)}`);
    if (one !== null) expect(partOf(JSON.parse(one) as Shown)).toBe(part);
    for (const member of fleet.members)
      expect(shownBy(await member.send({ path: `/v1/platforms/${idOf(part)}`, token }))).toBe(part);
  }
  for (const member of fleet.members) {
    const list = await member.send({ path: '/v1/platforms', token });
    expect(stateOf(JSON.parse(list.body) as Shown[])).toBe(activeOf(truth));
    expect(shownBy(await member.send({ path: '/v1/platforms/default', token }))).toBe(defaultOf(truth));
  }
}

async function inconsistencies(baseUrl: string): Promise<number> {
  const text = await (await fetch(`${baseUrl}/metrics`)).text();
  return Number(/^cache_inconsistencies_total (\d+)$/m.exec(text)?.[1]);
}
