import type { Deployment } from './deployment.js';
import { readAll } from './queries-saved.js';

export interface ColdUsers {
  readonly users: number;
  readonly poolMax: number;
  /** Answers that were not 200, of ours and of a route that takes a connection for each request. */
  readonly failed: number;
  readonly failedPerRequest: number;
  /** Milliseconds until all of them were answered. */
  readonly durationMs: number;
  readonly durationPerRequestMs: number;
}

const USERS = 1000;
const POOL_MAX = 5;

/** A thousand users whose entries are not there, all at once, with five connections. */
export async function coldUsers(deployment: Deployment): Promise<ColdUsers> {
  const ours = await deployment.startApp({ DATABASE_POOL_MAX: String(POOL_MAX) });
  const perRequest = await deployment.startContestant('connection-per-request.ts', {
    DATABASE_URL: deployment.postgres.url(),
    POOL_MAX: String(POOL_MAX),
  });
  const users = await deployment.addUsers(USERS);
  const headers = await Promise.all(users.map((id) => deployment.bearer(id)));
  const named = users.map((id) => ({ 'x-user': String(id) }));
  const [one, other] = [
    await timed(() => readAll(`${ours.baseUrl}/v1/platforms`, headers, USERS, USERS)),
    await timed(() => readAll(`${perRequest.baseUrl}/list`, named, USERS, USERS)),
  ];
  return {
    users: USERS,
    poolMax: POOL_MAX,
    failed: one.failed,
    failedPerRequest: other.failed,
    durationMs: one.durationMs,
    durationPerRequestMs: other.durationMs,
  };
}

async function timed(work: () => Promise<number>): Promise<{ failed: number; durationMs: number }> {
  const started = performance.now();
  const failed = await work();
  return { failed, durationMs: performance.now() - started };
}
