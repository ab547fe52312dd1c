import { createRequire } from 'node:module';
import type { Load, Round } from './load.js';
import { paced } from './paced-load.js';
import { percentiles } from './statistics.js';

// The load generator: a process of its own, so that it shares no event loop with what is measured.

interface Client {
  setHeaders(headers: Readonly<Record<string, string>>): void;
}
interface Running {
  on(event: 'response', listen: (client: unknown, status: number, bytes: number, ms: number) => void): void;
}
interface Result {
  readonly start: Date;
  readonly finish: Date;
  readonly errors: number;
  readonly non2xx: number;
  readonly '3xx': number;
}
type Autocannon = (options: object, done: (error: Error | null, result: Result) => void) => Running;

const autocannon = createRequire(import.meta.url)('autocannon') as Autocannon;
/** How often autocannon looks whether its time is over. */
const SAMPLE_MS = 100;

function run({ target: { callers, ...target }, connections, seconds }: Load): Promise<Round> {
  const durations: number[] = [];
  let clients = 0;
  const setupClient = (client: Client): void => {
    const headers = callers?.[clients++ % callers.length];
    if (headers !== undefined) client.setHeaders(headers);
  };
  return new Promise((resolve, reject) => {
    const options = { ...target, setupClient, connections, duration: seconds, sampleInt: SAMPLE_MS };
    autocannon(options, (error, result) => {
      if (error !== null) return reject(error);
      const { start, finish, errors, non2xx } = result;
      resolve({
        requests: durations.length,
        rate: (durations.length * 1000) / (finish.getTime() - start.getTime()),
        ...percentiles(durations),
        // Time-outs are among the errors. A 304 is an answer; autocannon counts everything that is not 2xx.
        errors: errors + non2xx - result['3xx'],
      });
    }).on('response', (_client, _status, _bytes, ms) => durations.push(ms));
  });
}

process.on('message', (load: Load) => {
  const { rate } = load;
  void (rate === undefined ? run(load) : paced({ ...load, rate })).then((round) => process.send?.(round));
});
