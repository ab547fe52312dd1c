import { Agent } from 'node:http';
import type { InsertedUser } from '../support/insert-users.js';
import { send } from '../support/load.js';
import type { ApiProcess } from '../support/servers/api-process.js';
import { cpuTime } from './cpu.js';
import { Deployment } from './deployment.js';
import { followedUs } from './followed.js';
import { type Section, count, exactly } from './report.js';
import { ratio, spread } from './statistics.js';

const WRITERS = 16;
/** The tests have it off. */
const AS_IT_COMES = { jit: 'on' };
const WRITES_OF_A_CYCLE = 3;

interface Round {
  readonly rate: number;
  readonly cpuUs: number;
}

/**
 * Each user creates a connection, changes it and deletes it, again and again; one other connection stays the default. Each
 * build has one process, and servers of its own: relays of one would also work for what the other writes.
 */
export async function writes(
  against: string | undefined,
  { rounds, cycles }: { readonly rounds: number; readonly cycles: number },
): Promise<Section> {
  const sides: [Side, ...Side[]] = [await side(undefined)];
  try {
    if (against !== undefined) sides.push(await side(against));
    return await compared(sides, rounds, cycles);
  } finally {
    await Promise.all(sides.map(({ deployment }) => deployment.stop()));
  }
}

interface Side {
  readonly deployment: Deployment;
  readonly api: ApiProcess;
  readonly users: readonly InsertedUser[];
}

async function side(build: string | undefined): Promise<Side> {
  const deployment = await Deployment.start(AS_IT_COMES);
  const api = await deployment.startApp({}, build);
  return { deployment, api, users: await deployment.addUsers(WRITERS) };
}

async function compared(sides: readonly [Side, ...Side[]], rounds: number, cycles: number): Promise<Section> {
  const measured = sides.map((): Round[] => []);
  for (const { api, users } of sides) await round(api, users, cycles);
  for (let n = 0; n < rounds; n++)
    for (const [index, { api, users }] of sides.entries())
      measured[index]?.push(await round(api, users, cycles));
  const statements: number[] = [];
  for (const { deployment, api, users } of sides) {
    const { writes: sent } = await deployment.countStatements(
      async () => void (await round(api, users, cycles)),
    );
    statements.push(sent / (WRITERS * cycles * WRITES_OF_A_CYCLE));
  }
  const url = sides[0].deployment.redis.url();
  const followed = [await followedUs(url, rounds, true), await followedUs(url, rounds, false)];
  const [here = [], there = []] = measured;
  const [perWrite = Number.NaN, perWriteThere] = statements;
  const of = (all: readonly Round[], figure: keyof Round) => all.map((one) => one[figure]);
  return {
    measures: [
      {
        what: 'statements per write, create, update and delete',
        value: exactly(perWrite),
        goal: { atMost: 4 },
      },
      ...followed.map((all, index) => ({
        what: `CPU to follow writes ${index === 0 ? 'that are read' : 'that nobody reads'}, a process / CPU of a write`,
        value: ratio(all, of(here, 'cpuUs')),
        goal: { atMost: 0.01 },
      })),
      ...(perWriteThere === undefined
        ? []
        : [
            { what: 'statements per write, other build', value: exactly(perWriteThere) },
            {
              what: 'writes / other build',
              value: ratio(of(here, 'rate'), of(there, 'rate')),
              goal: { atLeast: 2 },
            },
            { what: 'CPU of a write / other build', value: ratio(of(here, 'cpuUs'), of(there, 'cpuUs')) },
          ]),
    ],
    lines: measured.map((all, index) => {
      const rate = count(spread(of(all, 'rate')).median);
      const cpu = count(spread(of(all, 'cpuUs')).median);
      return `${index === 0 ? 'writes' : 'writes, other build'} of ${WRITERS} users: ${rate} a second, ${cpu} us of CPU each`;
    }),
    figures: { here, there, statements, followed },
  };
}

async function round(
  { baseUrl, pid }: ApiProcess,
  users: readonly InsertedUser[],
  cycles: number,
): Promise<Round> {
  const agent = new Agent({ keepAlive: true });
  const cpu = cpuTime(pid);
  const started = performance.now();
  await Promise.all(
    users.map(async ({ token }) => {
      const call = async (method: string, path: string, status: number, body?: unknown) => {
        const reply = await send({ baseUrl, agent, method, path, token, body });
        if (reply.status !== status) throw new Error(`${method} was answered ${reply.status}: ${reply.text}`);
        return reply.text;
      };
      for (let cycle = 0; cycle < cycles; cycle++) {
        const created = await call('POST', '/v1/platforms', 201, {
          name: 'written',
          platformType: 'mastodon',
          instanceUrl: 'https://written.example',
          accessToken: 'a-token-of-the-bench',
        });
        const path = `/v1/platforms/${(JSON.parse(created) as { id: number }).id}`;
        await call('PATCH', path, 200, { name: 'written again' });
        await call('DELETE', path, 204);
      }
    }),
  );
  agent.destroy();
  const writes = users.length * cycles * WRITES_OF_A_CYCLE;
  return {
    rate: (writes * 1000) / (performance.now() - started),
    cpuUs: (cpuTime(pid) - cpu) / writes,
  };
}
