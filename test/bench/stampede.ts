import { setTimeout as sleep } from 'node:timers/promises';
import { pipelined } from '../support/pipelined.js';
import type { ApiProcess } from '../support/servers/api-process.js';
import type { Deployment } from './deployment.js';
import { type Section, count, exactly } from './report.js';

const CALLERS = 10_000;
const TIMEOUT_MS = 60_000;
const SETTLING_MS = 200;

/**
 * SELECTs when 10,000 callers on two processes want the same cold list at once. Not counted are those by which the
 * processes compare one hit in a thousand with the database, whatever the load: they are listed beside.
 */
export async function stampede(
  deployment: Deployment,
  processes: readonly ApiProcess[],
  rounds: number,
): Promise<Section> {
  const loads: number[] = [];
  const comparisons: number[] = [];
  let failed = 0;
  for (const user of await deployment.addUsers(rounds)) {
    const one = { path: '/v1/platforms', accessToken: user.token };
    const requests = Array.from({ length: CALLERS / processes.length }, () => one);
    const before = await compared(processes);
    const { lists } = await deployment.countStatements(async () => {
      const answers = await Promise.all(processes.map((api) => pipelined(api.port, requests, TIMEOUT_MS)));
      failed += answers.flat().filter(({ status }) => status !== 200).length;
      // For a comparison that has been asked for and not counted yet.
      await sleep(SETTLING_MS);
    });
    const audited = (await compared(processes)) - before;
    comparisons.push(audited);
    loads.push(lists - audited);
  }
  if (failed > 0) throw new Error(`${failed} callers of a stampede failed`);
  return {
    measures: [
      {
        what: `the most loads per stampede of ${count(CALLERS)} callers on ${processes.length} processes`,
        value: exactly(Math.max(...loads)),
        goal: { atMost: 1 },
      },
    ],
    lines: [
      `Stampedes of ${count(CALLERS)} callers: ${loads.join(', ')} loads, ${comparisons.join(', ')} comparisons by the ` +
        'self-audit',
    ],
    figures: { callers: CALLERS, processes: processes.length, loads, comparisons },
  };
}

/** Hits that the processes have compared with the database so far. */
async function compared(processes: readonly ApiProcess[]): Promise<number> {
  const counts = await Promise.all(
    processes.map(async ({ baseUrl }) => {
      const text = await (await fetch(`${baseUrl}/metrics`)).text();
      const value = /^cache_audit_comparisons_total (\d+)$/m.exec(text)?.[1];
      if (value === undefined) throw new Error('/metrics tells no comparisons of the self-audit');
      return Number(value);
    }),
  );
  return counts.reduce((sum, value) => sum + value, 0);
}
