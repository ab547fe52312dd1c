import { setTimeout as sleep } from 'node:timers/promises';
import { COLLECTABLE } from '../support/fault-preload.js';
import { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import type { Deployment } from './deployment.js';
import { residentBytes } from './memory.js';
import { type Section, exactly, megabytes } from './report.js';

const USERS = 500;
const CONCURRENCY = 16;
const MINUTE_MS = 60_000;
/** Before each whole minute there is as much time without a fault, so that all are looked at in the same state. */
const FAULTS_AT_MS = [15_000, 45_000];
const FAULT_MS = 3_000;

/** Resident memory after mixed load with Redis killed and frozen in turns, against that after the first minute. */
export async function soak(deployment: Deployment, minutes: number): Promise<Section> {
  const process = new FaultProcess(await deployment.startApp(COLLECTABLE), undefined, undefined);
  const users = await deployment.addUsers(USERS);
  const running = new AbortController();
  const load = mixedLoad(process, users, running.signal);
  const residentByMinute: number[] = [];
  try {
    for (let minute = 0; minute < minutes; minute++) {
      const started = performance.now();
      for (const [index, at] of FAULTS_AT_MS.entries()) {
        await sleep(started + at - performance.now());
        await (index % 2 === 0 ? killed(deployment) : frozen(deployment));
      }
      await sleep(started + MINUTE_MS - performance.now());
      await process.collectGarbage();
      residentByMinute.push(residentBytes(process.api.pid));
    }
  } finally {
    running.abort();
  }
  const statuses = await load;
  const first = residentByMinute[0] ?? Number.NaN;
  const last = residentByMinute.at(-1) ?? Number.NaN;
  return {
    measures: [
      {
        what: `resident memory after ${minutes} minutes with faults / after 1 minute`,
        value: exactly(last / first),
        goal: { atMost: 1.1 },
      },
    ],
    lines: [
      `Soak: ${megabytes(first)} after 1 minute, ${megabytes(last)} after ${minutes}, garbage collected before; answers by ` +
        `status: ${JSON.stringify(statuses)}`,
    ],
    figures: { minutes, residentByMinute, statuses },
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

/** @returns how often each status was answered. */
async function mixedLoad(
  process: FaultProcess,
  users: readonly InsertedUser[],
  signal: AbortSignal,
): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  let sent = 0;
  const worker = async (): Promise<void> => {
    while (!signal.aborted) {
      const number = sent++;
      const user = users[Math.floor(Math.random() * users.length)];
      if (user === undefined) throw new Error('There is nobody to ask for');
      const { status } = await request(process, user, number);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return statuses;
}

function request(process: FaultProcess, user: InsertedUser, number: number) {
  const one = `/v1/platforms/${user.platformId}`;
  switch (number % 25) {
    case 0:
      return process.rename(user, `name ${number}`);
    case 1:
      return process.request('POST', `${one}/credentials`, user, { reason: 'To soak it' });
    case 2: {
      const occurredAt = new Date().toISOString();
      const activity = { kind: 'post', externalId: String(number), status: 'done', occurredAt };
      return process.request('POST', `${one}/activities`, user, [activity]);
    }
    case 3:
    case 4:
      return process.get(`${one}/stats`, user);
    case 5:
      return process.get('/v1/platforms?includeInactive=true', user);
    case 6:
    case 7:
      return process.get('/v1/platforms/default', user);
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
      return process.one(user);
    default:
      return process.list(user);
  }
}
