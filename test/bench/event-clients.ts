import { COLLECTABLE } from '../support/fault-preload.js';
import { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import { cpuTime } from './cpu.js';
import type { Deployment } from './deployment.js';
import { EventCrowd, monotonicMs } from './event-crowd.js';
import { residentBytes } from './memory.js';
import { type Section, count, exactly, milliseconds } from './report.js';
import { type Spread, spread } from './statistics.js';

const PROCESSES = 2;
/** What a process needs for the first of them, such as compiled code, is not the clients'. */
const FIRST_CLIENTS = 500;
const FIRST_CHANGES = 10;

export interface EventClientsPlan {
  readonly clients: number;
  readonly changes: number;
}

/** Milliseconds from the answer to a write until each client has its event. */
interface Delivery {
  readonly fromAnswerMs: readonly number[];
  readonly writeMs: number;
}

interface Result {
  readonly fromAnswerMs: { readonly p50: number; readonly p99: number; readonly longest: number };
  /** Of the changes one by one. */
  readonly p99OfChanges: Spread;
  readonly writeMs: Spread;
  readonly bytesEach: number;
  /** Of the servers, for each event of a client. */
  readonly cpuUs: number;
}

/**
 * One change after the other to thousands of event clients of one account on two processes, and what a client costs; the
 * same with the build that `--against` names.
 */
export async function eventClients(
  deployment: Deployment,
  plan: EventClientsPlan,
  against: string | undefined,
): Promise<Section> {
  const here = await measured(deployment, plan, undefined);
  const there = against === undefined ? null : await measured(deployment, plan, against);
  const who = `${count(plan.clients)} event clients on ${PROCESSES} processes`;
  const line = ({ fromAnswerMs, writeMs, cpuUs }: Result, which: string): string =>
    `${count(plan.changes)} changes to ${who}${which}: p50 ${milliseconds(fromAnswerMs.p50)}, longest ` +
    `${milliseconds(fromAnswerMs.longest)} after the answer, which took ${milliseconds(writeMs.median)}; ` +
    `${cpuUs.toFixed(1)} us of the servers' CPU for each event of a client`;
  const measures = ({ fromAnswerMs, p99OfChanges, bytesEach }: Result, which: string, isGoal: boolean) => [
    {
      what: `ms from an answered change to its event, ${who}, p99${which}`,
      value: exactly(fromAnswerMs.p99),
      ...(isGoal && { goal: { atMost: 250 } }),
    },
    { what: `the p99 of each change${which}`, value: p99OfChanges },
    {
      what: `kB of resident memory for each event client${which}`,
      value: exactly(bytesEach / 1e3),
      ...(isGoal && { goal: { atMost: 20 } }),
    },
  ];
  return {
    measures: [
      ...measures(here, '', true),
      ...(there === null ? [] : measures(there, ', other build', false)),
    ],
    lines: [line(here, ''), ...(there === null ? [] : [line(there, ', other build')])],
    figures: { ...plan, here, there },
  };
}

async function measured(
  deployment: Deployment,
  { clients, changes }: EventClientsPlan,
  build: string | undefined,
): Promise<Result> {
  const env = { ...COLLECTABLE, EVENTS_MAX_CLIENTS_PER_USER: String(clients) };
  const processes: FaultProcess[] = [];
  for (let n = 0; n < PROCESSES; n++)
    processes.push(new FaultProcess(await deployment.startApp(env, build), undefined, undefined));
  const [user] = await deployment.addUsers(1);
  if (user === undefined) throw new Error('No user was added');
  await withCrowds(processes, user, FIRST_CLIENTS, (crowds) =>
    deliver(processes, crowds, user, FIRST_CHANGES),
  );
  const before = await resident(processes);
  const result = await withCrowds(processes, user, clients / PROCESSES, async (crowds) => {
    const bytesEach = ((await resident(processes)) - before) / clients;
    const cpuBefore = cpuOf(processes);
    const deliveries = await deliver(processes, crowds, user, changes);
    const cpuUs = (cpuOf(processes) - cpuBefore) / (clients * changes);
    const all = deliveries.flatMap(({ fromAnswerMs }) => fromAnswerMs);
    return {
      fromAnswerMs: { p50: percentile(all, 0.5), p99: percentile(all, 0.99), longest: percentile(all, 1) },
      p99OfChanges: spread(deliveries.map(({ fromAnswerMs }) => percentile(fromAnswerMs, 0.99))),
      writeMs: spread(deliveries.map(({ writeMs }) => writeMs)),
      bytesEach,
      cpuUs,
    };
  });
  await Promise.all(processes.map(({ api }) => api.stop()));
  return result;
}

async function withCrowds<T>(
  processes: readonly FaultProcess[],
  { token }: InsertedUser,
  clients: number,
  work: (crowds: readonly EventCrowd[]) => Promise<T>,
): Promise<T> {
  const crowds = processes.map(({ api }) => new EventCrowd({ port: api.port, token, clients }));
  try {
    await Promise.all(crowds.map((crowd) => crowd.join()));
    return await work(crowds);
  } finally {
    await Promise.all(crowds.map((crowd) => crowd.leave()));
  }
}

async function deliver(
  processes: readonly FaultProcess[],
  crowds: readonly EventCrowd[],
  user: InsertedUser,
  changes: number,
): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  for (let change = 0; change < changes; change++) {
    const receptions = crowds.map((crowd) => crowd.received());
    const { status, text, durationMs } = await processes[change % processes.length]!.rename(
      user,
      `name ${change}`,
    );
    const answeredMs = monotonicMs();
    if (status !== 200) throw new Error(`A change was answered ${status}: ${text}`);
    const received = (await Promise.all(receptions)).flat();
    deliveries.push({ fromAnswerMs: received.map((atMs) => atMs - answeredMs), writeMs: durationMs });
  }
  return deliveries;
}

/** Of all of them, after a garbage collection. */
async function resident(processes: readonly FaultProcess[]): Promise<number> {
  await Promise.all(processes.map((one) => one.collectGarbage()));
  return processes.reduce((sum, { api }) => sum + residentBytes(api.pid), 0);
}

function cpuOf(processes: readonly FaultProcess[]): number {
  return processes.reduce((sum, { api }) => sum + cpuTime(api.pid), 0);
}

function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}
