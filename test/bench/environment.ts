import { cpus, loadavg, release, totalmem } from 'node:os';
import type { Deployment } from './deployment.js';

/** Where it was measured. The load is of the minute before: on a busy machine the figures are not worth much. */
export async function environment({ backends: { sql, redis } }: Deployment) {
  const { rows } = await sql.query<{ server_version: string }>('SHOW server_version');
  return {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    postgres: rows[0]?.server_version ?? 'unknown',
    redis: /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? 'unknown',
    loadBefore: loadavg()[0] ?? Number.NaN,
  };
}
