import { pipelined } from '../support/pipelined.js';
import type { ApiProcess } from '../support/servers/api-process.js';
import type { Deployment } from './deployment.js';
import { type Section, count } from './report.js';
import { spread } from './statistics.js';

const CALLERS = 10_000;
const TIMEOUT_MS = 60_000;

/** SELECTs when 10,000 callers on two processes want the same cold list at once. */
export async function stampede(
  deployment: Deployment,
  processes: readonly ApiProcess[],
  rounds: number,
): Promise<Section> {
  const loads: number[] = [];
  let failed = 0;
  for (const user of await deployment.addUsers(rounds)) {
    const one = { path: '/v1/platforms', accessToken: user.token };
    const requests = Array.from({ length: CALLERS / processes.length }, () => one);
    const { lists } = await deployment.countStatements(async () => {
      const answers = await Promise.all(processes.map((api) => pipelined(api.port, requests, TIMEOUT_MS)));
      failed += answers.flat().filter(({ status }) => status !== 200).length;
    });
    loads.push(lists);
  }
  return {
    measures: [
      {
        what: `loads per stampede of ${count(CALLERS)} callers on ${processes.length} processes`,
        value: spread(loads),
        goal: { atMost: 1 },
      },
    ],
    lines: [`Stampedes of ${count(CALLERS)} callers: ${loads.join(', ')} loads; ${failed} callers failed`],
    figures: { callers: CALLERS, processes: processes.length, loads, failed },
  };
}
