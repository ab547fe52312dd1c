import { Agent } from 'node:http';
import { connect } from 'node:net';
import { send } from '../support/load.js';

export interface BenchRequest {
  readonly method?: string;
  readonly path: string;
  readonly token: string;
  readonly body?: unknown;
}

const CONCURRENCY = 50;

/** @returns how many were answered with anything but 2xx. */
export async function sendAll(
  baseUrl: string,
  requests: readonly BenchRequest[],
  concurrency = CONCURRENCY,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const waiting = requests.values();
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (const request of waiting) {
      const { status } = await send({ baseUrl, agent, method: 'GET', ...request });
      if (status < 200 || status > 299) failed++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  agent.destroy();
  return failed;
}

/**
 * One GET after the other on one bare socket: no queue, and no HTTP client whose own time would bring ratios closer to
 * one.
 *
 * @returns milliseconds of each, from the write to the last byte.
 */
export async function oneByOne(port: number, requests: readonly BenchRequest[]): Promise<number[]> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const durations: number[] = [];
  try {
    for (const { path, token } of requests) {
      const started = performance.now();
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      );
      let answer = Buffer.alloc(0);
      while (!isWhole(answer)) {
        const { value, done } = await chunks.next();
        if (done === true) throw new Error('The server closed the connection');
        answer = Buffer.concat([answer, value]);
      }
      durations.push(performance.now() - started);
      const status = answer.toString('latin1', 9, 12);
      if (status !== '200') throw new Error(`${path} was answered ${status}`);
    }
  } finally {
    socket.destroy();
  }
  return durations;
}

function isWhole(answer: Buffer): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const size = /\r\ncontent-length: (\d+)/i.exec(answer.toString('latin1', 0, end))?.[1];
  if (size === undefined) throw new Error('An answer without a length');
  return answer.length >= end + 4 + Number(size);
}
