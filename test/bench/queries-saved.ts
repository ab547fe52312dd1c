import type { ApiProcess } from '../support/servers/api-process.js';
import type { Deployment } from './deployment.js';
import { type Section, count, exactly } from './report.js';
import { type BenchRequest, sendAll } from './requests.js';
import { zipfian } from './zipf.js';

const WRITE_SHARE = 0.01;
const REQUESTS_PER_USER = 100;

/** Queries of list reads with 1 % writes among them, all cold at the start, against the same work with the cache off. */
export async function queriesSaved(
  deployment: Deployment,
  ours: ApiProcess,
  uncached: ApiProcess,
  requests: number,
): Promise<Section> {
  const users = await deployment.addUsers(requests / REQUESTS_PER_USER);
  const steps = zipfian(users.length, requests, WRITE_SHARE);
  const work = (round: string) =>
    steps.map(({ user, writes }, index): BenchRequest => {
      const { token = '', platformId = 0 } = users[user] ?? {};
      if (!writes) return { path: '/v1/platforms', token };
      return {
        method: 'PATCH',
        path: `/v1/platforms/${platformId}`,
        token,
        body: { name: `${round} ${index}` },
      };
    });
  const statements = (api: ApiProcess, round: string) =>
    deployment.countStatements(async () => {
      const failed = await sendAll(api.baseUrl, work(round));
      if (failed > 0) throw new Error(`${failed} of ${requests} requests failed`);
    });
  const withCache = await statements(ours, 'cached');
  const withoutCache = await statements(uncached, 'uncached');
  const saved = 1 - withCache.lists / withoutCache.lists;
  return {
    measures: [
      {
        what: `queries saved, ${count(requests)} Zipf requests with 1 % writes`,
        value: exactly(saved),
        goal: { atLeast: 0.95 },
      },
    ],
    lines: [
      `${count(requests)} requests of ${count(users.length)} users, ${count(steps.filter(({ writes }) => writes).length)} ` +
        `of them writes: ${(saved * 100).toFixed(1)} % of queries saved, ${count(withCache.lists)} lists ` +
        `selected instead of ${count(withoutCache.lists)} (all statements, those of the writes and the ` +
        `outbox too: ${count(withCache.all)} instead of ${count(withoutCache.all)})`,
    ],
    figures: { requests, users: users.length, withCache, withoutCache, saved },
  };
}
