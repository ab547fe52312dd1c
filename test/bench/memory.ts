import { readFileSync } from 'node:fs';
import type { Deployment } from './deployment.js';
import { type Section, count, megabytes, milliseconds } from './report.js';
import { sendAll } from './requests.js';

/** What so many cached users cost, and how long a process takes to start. */
export async function memoryOfUsers(deployment: Deployment, users: number): Promise<Section> {
  const started = performance.now();
  const api = await deployment.startApp();
  // From the spawn, the migrations applied before, until it answers.
  const startMs = performance.now() - started;
  const added = await deployment.addUsers(users);
  await deployment.backends.redis.flushDb();
  const before = await datasetBytes(deployment);
  const idleBytes = residentBytes(api.pid);
  const failed = await sendAll(
    api.baseUrl,
    added.map(({ token }) => ({ path: '/v1/platforms', token })),
  );
  if (failed > 0) throw new Error(`${failed} of ${users} users were refused`);
  const redisBytes = (await datasetBytes(deployment)) - before;
  const servedBytes = residentBytes(api.pid);
  return {
    measures: [],
    lines: [
      `${count(users)} cached users: ${megabytes(redisBytes)} of Redis; a process has ${megabytes(idleBytes)} idle, ` +
        `${megabytes(servedBytes)} after serving them, and starts in ${milliseconds(startMs)}`,
    ],
    figures: { users, redisBytes, idleBytes, servedBytes, startMs },
  };
}

async function datasetBytes({ backends: { redis } }: Deployment): Promise<number> {
  return Number(/^used_memory_dataset:(\d+)/m.exec(await redis.info('memory'))?.[1]);
}

/** Of Linux's /proc. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
