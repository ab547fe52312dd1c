import { setTimeout as sleep } from 'node:timers/promises';
import { FOLLOW_OUTCOMES } from '../../src/outbox/followed-writes.js';
import { waitUntil } from '../support/barrier.js';
import { COLLECTABLE } from '../support/fault-preload.js';
import { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import { DRAINED_MS, type Deployment } from './deployment.js';
import { residentBytes } from './memory.js';
import { type Section, count, exactly, megabytes } from './report.js';

const USERS = 500;
/** With writes by SQL: so few that each is read again soon after a write. */
const USERS_BY_SQL = 100;
/** So many that a statement can change 1,000 rows. */
const CONNECTIONS_BY_SQL = 20;
const CONCURRENCY = 16;
/** Else hardly a row would be changed beside it. */
const CONCURRENCY_BY_SQL = 2;
const MINUTE_MS = 60_000;
/** Before each whole minute there is as much time without a fault, so that all are looked at in the same state. */
const FAULTS_AT_MS = [15_000, 45_000];
const FAULT_MS = 3_000;
/** Whose rows one statement changes, as one by hand or of a migration would. */
const USERS_OF_STATEMENT = USERS_BY_SQL / 2;
/** Changed rows that may wait for the relays when the next statement begins. */
const MOST_PENDING = 1_000;
/** After the last write: longer than a process follows it. */
const FOLLOWED_MS = 15_000;

/**
 * Mixed load on two processes with Redis killed and frozen in turns: resident memory of one against that after the first minute,
 * and what the followed writes have found on all processes.
 *
 * @param bySql rows are changed by SQL too, beside the application, as fast as its relays can drop what is cached of them.
 */
export async function soak(deployment: Deployment, minutes: number, bySql: boolean): Promise<Section> {
  const process = new FaultProcess(await deployment.startApp(COLLECTABLE), undefined, undefined);
  const all = deployment.apps.map((api) => new FaultProcess(api, undefined, undefined));
  const loaded = [process, ...all.slice(0, 1)];
  const users = bySql
    ? await deployment.addUsers(USERS_BY_SQL, CONNECTIONS_BY_SQL)
    : await deployment.addUsers(USERS);
  const running = new AbortController();
  const started = performance.now();
  const load = mixedLoad(loaded, users, bySql ? CONCURRENCY_BY_SQL : CONCURRENCY, running.signal);
  const changing = bySql ? changeBySql(deployment, users, running.signal) : Promise.resolve(0);
  const residentByMinute: number[] = [];
  try {
    for (let minute = 0; minute < minutes; minute++) {
      const minuteStart = performance.now();
      for (const [index, at] of FAULTS_AT_MS.entries()) {
        await sleep(minuteStart + at - performance.now());
        await (index % 2 === 0 ? killed(deployment) : frozen(deployment));
      }
      await sleep(minuteStart + MINUTE_MS - performance.now());
      await process.collectGarbage();
      residentByMinute.push(residentBytes(process.api.pid));
    }
  } finally {
    running.abort();
  }
  const { statuses, writes } = await load;
  const rows = await changing;
  const seconds = (performance.now() - started) / 1000;
  await sleep(FOLLOWED_MS);
  const metrics = await Promise.all(all.map((one) => one.metrics()));
  const sum = (name: string): number => metrics.reduce((total, of) => total + (of.get(name) ?? 0), 0);
  const inconsistencies = sum('cache_inconsistencies_total');
  const followed = Object.fromEntries(
    FOLLOW_OUTCOMES.map((outcome) => [outcome, sum(`cache_followed_entries_total{outcome="${outcome}"}`)]),
  );
  const first = residentByMinute[0] ?? Number.NaN;
  const last = residentByMinute.at(-1) ?? Number.NaN;
  return {
    measures: [
      {
        what: `resident memory after ${minutes} minutes with faults / after 1 minute`,
        value: exactly(last / first),
        goal: { atMost: 1.1 },
      },
      {
        what: `inconsistencies found by ${all.length} processes in ${count(writes + rows)} writes`,
        value: exactly(inconsistencies),
        goal: { atMost: 0 },
      },
    ],
    lines: [
      `Soak: ${megabytes(first)} after 1 minute, ${megabytes(last)} after ${minutes}, garbage collected before; answers by ` +
        `status: ${JSON.stringify(statuses)}`,
      `${count(writes)} writes, ${count(writes / seconds)} a second, and ${count(rows)} rows changed by SQL; entries followed by ${all.length} processes: ` +
        `${JSON.stringify(followed)}; inconsistencies: ${inconsistencies}`,
    ],
    figures: { minutes, residentByMinute, statuses, writes, rows, seconds, followed, inconsistencies },
  };
}

async function killed({ redis }: Deployment): Promise<void> {
  await redis.kill();
  await sleep(FAULT_MS);
  await redis.start();
}

async function frozen({ redis }: Deployment): Promise<void> {
  await redis.freeze();
  await sleep(FAULT_MS);
  redis.thaw();
}

/** @returns how often each status was answered, and how many connections were changed. */
async function mixedLoad(
  processes: readonly FaultProcess[],
  users: readonly InsertedUser[],
  concurrency: number,
  signal: AbortSignal,
): Promise<{ readonly statuses: Record<string, number>; readonly writes: number }> {
  const statuses: Record<string, number> = {};
  let sent = 0;
  let writes = 0;
  const worker = async (): Promise<void> => {
    while (!signal.aborted) {
      const number = sent++;
      const user = users[Math.floor(Math.random() * users.length)];
      const process = processes[Math.floor(Math.random() * processes.length)];
      if (user === undefined || process === undefined) throw new Error('There is nobody to ask');
      const { status } = await request(process, user, number);
      if (isWrite(number) && status === 200) writes++;
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { statuses, writes };
}

/** @returns how many rows were changed. */
async function changeBySql(
  { backends }: Deployment,
  users: readonly InsertedUser[],
  signal: AbortSignal,
): Promise<number> {
  const text = 'UPDATE platform_connections SET name = $1 || id WHERE user_id = ANY($2)';
  let rows = 0;
  while (!signal.aborted) {
    const first = Math.floor(Math.random() * (users.length - USERS_OF_STATEMENT + 1));
    const ids = users.slice(first, first + USERS_OF_STATEMENT).map(({ id }) => id);
    const { rowCount } = await backends.sql.query(text, [`by SQL ${rows}, `, ids]);
    rows += rowCount ?? 0;
    // The next statement is carried out while the relays drop what is cached of this one.
    const fewPending = async (): Promise<boolean> =>
      (
        await backends.rows('SELECT 1 FROM platform_changes WHERE drained_at IS NULL OFFSET $1 LIMIT 1', [
          MOST_PENDING,
        ])
      ).length === 0;
    await waitUntil(fewPending, { timeoutMs: DRAINED_MS, what: 'the relays to drop what was changed' });
  }
  return rows;
}

/** Eight requests of 25. */
const isWrite = (number: number): boolean => number % 25 < 8;

function request(process: FaultProcess, user: InsertedUser, number: number) {
  const one = `/v1/platforms/${user.platformId}`;
  if (isWrite(number)) return process.rename(user, `name ${number}`);
  switch (number % 25) {
    case 8:
      return process.request('POST', `${one}/credentials`, user, { reason: 'To soak it' });
    case 9: {
      const occurredAt = new Date().toISOString();
      const activity = { kind: 'post', externalId: String(number), status: 'done', occurredAt };
      return process.request('POST', `${one}/activities`, user, [activity]);
    }
    case 10:
    case 11:
      return process.get(`${one}/stats`, user);
    case 12:
      return process.get('/v1/platforms?includeInactive=true', user);
    case 13:
    case 14:
      return process.get('/v1/platforms/default', user);
    case 15:
    case 16:
    case 17:
    case 18:
    case 19:
      return process.one(user);
    default:
      return process.list(user);
  }
}
