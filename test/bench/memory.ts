import { readFileSync } from 'node:fs';
import { createClient } from 'redis';
import type { Deployment } from './deployment.js';
import { readAll } from './queries-saved.js';

export interface Memory {
  readonly users: number;
  /** Bytes that Redis uses more when the list of every user is cached. */
  readonly redisBytes: number;
  /** Resident bytes of an API process that has just started, and after it has served all of them. */
  readonly idleBytes: number;
  readonly servedBytes: number;
  /** Milliseconds from the spawn of a process, its migrations applied before, until it answers. */
  readonly startMs: number;
}

const USERS = 10_000;

/** What 10,000 cached users cost. */
export async function memoryOfUsers(deployment: Deployment): Promise<Memory> {
  const started = performance.now();
  const api = await deployment.startApp();
  const startMs = performance.now() - started;
  const redis = createClient({ url: deployment.redis.url(), RESP: 2 });
  redis.on('error', (error: Error) => console.error(`Redis: ${error.message}`));
  await redis.connect();
  try {
    const users = await deployment.addUsers(USERS);
    await redis.flushDb();
    const before = await usedBytes(redis);
    const idleBytes = residentBytes(api.pid);
    const headers = await Promise.all(users.map((id) => deployment.bearer(id)));
    await readAll(`${api.baseUrl}/v1/platforms`, headers, USERS);
    return {
      users: USERS,
      redisBytes: (await usedBytes(redis)) - before,
      idleBytes,
      servedBytes: residentBytes(api.pid),
      startMs,
    };
  } finally {
    redis.destroy();
  }
}

async function usedBytes(redis: { info(section: string): Promise<string> }): Promise<number> {
  return Number(/^used_memory_dataset:(\d+)/m.exec(await redis.info('memory'))?.[1]);
}

/** Of Linux's /proc; a page has 4096 bytes where this is measured. */
function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}
