import type { Deployment } from './deployment.js';
import { type Section, count, exactly, milliseconds } from './report.js';
import { type BenchRequest, sendAll } from './requests.js';

const USERS = 1000;
const POOL_MAX = 5;

/** A thousand users whose entries are not there, all at once, with five connections. */
export async function coldUsers(deployment: Deployment): Promise<Section> {
  const poolMax = String(POOL_MAX);
  const [ours, perRequest] = await Promise.all([
    deployment.startApp({ DATABASE_POOL_MAX: poolMax }),
    deployment.startContestant('connection-per-request.ts', {
      DATABASE_URL: deployment.backends.databaseUrl,
      POOL_MAX: poolMax,
    }),
  ]);
  const users = await deployment.addUsers(USERS);
  const one = await timed(
    ours.baseUrl,
    users.map(({ token }) => ({ path: '/v1/platforms', token })),
  );
  const other = await timed(
    perRequest.baseUrl,
    users.map(({ id }) => ({ path: '/list', token: String(id) })),
  );
  return {
    measures: [
      {
        what: `errors of ${count(USERS)} cold users, pool of ${POOL_MAX}`,
        value: exactly(one.failed),
        goal: { atMost: 0 },
      },
    ],
    lines: [
      `${count(USERS)} cold users at once, ${POOL_MAX} connections: ${one.failed} failed, all answered in ` +
        `${milliseconds(one.durationMs)}; with a connection for each request ${other.failed} failed, ` +
        milliseconds(other.durationMs),
    ],
    figures: { users: USERS, poolMax: POOL_MAX, ours: one, connectionPerRequest: other },
  };
}

async function timed(
  baseUrl: string,
  requests: readonly BenchRequest[],
): Promise<{ failed: number; durationMs: number }> {
  const started = performance.now();
  const failed = await sendAll(baseUrl, requests, requests.length);
  return { failed, durationMs: performance.now() - started };
}
