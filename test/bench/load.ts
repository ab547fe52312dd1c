import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import type { Round } from './statistics.js';

const run = promisify(execFile);
const AUTOCANNON = createRequire(import.meta.url).resolve('autocannon');

export interface Target {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface AutocannonResult {
  readonly requests: { readonly average: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly errors: number;
  readonly timeouts: number;
  readonly non2xx: number;
  readonly '3xx': number;
}

/** One round of load from a process of its own, against loopback. */
export async function load(target: Target, connections: number, seconds: number): Promise<Round> {
  const headers = Object.entries(target.headers ?? {}).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ]);
  const { stdout } = await run(
    process.execPath,
    [
      AUTOCANNON,
      '--json',
      '--no-progress',
      '-c',
      String(connections),
      '-d',
      String(seconds),
      ...headers,
      target.url,
    ],
    { maxBuffer: 16 * 1024 * 1024, timeout: (seconds + 30) * 1000 },
  );
  const result = JSON.parse(stdout) as AutocannonResult;
  return {
    rate: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    // A 304 is an answer; autocannon counts everything that is not 2xx.
    errors: result.errors + result.timeouts + result.non2xx - result['3xx'],
  };
}
