import { Agent, request } from 'node:http';
import type { Deployment } from './deployment.js';

export interface QueriesSaved {
  readonly reads: number;
  readonly users: number;
  /** SELECTs, as the database counted them, the comparisons included. */
  readonly withCache: number;
  /** Of those: hits that the self-audit compared with the database in the background. */
  readonly comparisons: number;
  readonly withoutCache: number;
}

const READS = 10_000;
const USERS = 100;
const CONCURRENCY = 50;

/** SELECTs that 10,000 list reads over 100 users cost, with the cache and with Redis away. */
export async function queriesSaved(deployment: Deployment): Promise<QueriesSaved> {
  const cached = await deployment.startApp();
  const users = await deployment.addUsers(USERS);
  const uncached = await deployment.startApp({ REDIS_URL: 'redis://127.0.0.1:1' });
  const headers = await Promise.all(users.map((id) => deployment.bearer(id)));
  const count = (baseUrl: string) =>
    deployment.countSelects(async () => {
      const failed = await readAll(`${baseUrl}/v1/platforms`, headers, READS);
      if (failed > 0) throw new Error(`${failed} reads failed`);
    });
  return {
    reads: READS,
    users: USERS,
    withCache: await count(cached.baseUrl),
    comparisons: await comparisonsOf(cached.baseUrl),
    withoutCache: await count(uncached.baseUrl),
  };
}

async function comparisonsOf(baseUrl: string): Promise<number> {
  const metrics = await (await fetch(`${baseUrl}/metrics`)).text();
  return Number(/^cache_audit_comparisons_total (\d+)$/m.exec(metrics)?.[1]);
}

/** @returns how many were not answered with 200. */
export async function readAll(
  url: string,
  headers: readonly Readonly<Record<string, string>>[],
  reads: number,
  concurrency = CONCURRENCY,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  let next = 0;
  let failed = 0;
  const worker = async (): Promise<void> => {
    while (next < reads) {
      if ((await get(url, headers[next++ % headers.length] ?? {}, agent)) !== 200) failed++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  agent.destroy();
  return failed;
}

function get(url: string, headers: Readonly<Record<string, string>>, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, headers, timeout: 10_000 }, (incoming) => {
      incoming.resume();
      incoming.on('end', () => resolve(incoming.statusCode ?? 0));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${url} did not answer`)));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
