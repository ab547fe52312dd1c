import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Event clients of one account at one process. */
export interface Crowd {
  readonly port: number;
  readonly token: string;
  readonly clients: number;
}

export type CrowdReport =
  | { readonly kind: 'joined' }
  /** When each client had received a change, by `monotonicMs`. Sent when the last one has. */
  | { readonly kind: 'received'; readonly atMs: readonly number[] };

const TIMEOUT_MS = 60_000;

/** The same clock in every process of a machine. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Event clients in a process of their own. */
export class EventCrowd {
  readonly #process: ChildProcess = fork(fileURLToPath(new URL('./event-crowd-process.ts', import.meta.url)));

  constructor(private readonly crowd: Crowd) {}

  /** Resolves when all of them have caught up. */
  async join(): Promise<void> {
    const joined = this.#report();
    this.#process.send(this.crowd);
    await joined;
  }

  /** Call this before the change is made. */
  async received(): Promise<readonly number[]> {
    const report = await this.#report();
    if (report.kind !== 'received') throw new Error(`The event clients reported ${report.kind}`);
    return report.atMs;
  }

  async leave(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill();
    await ended;
  }

  async #report(): Promise<CrowdReport> {
    const waiting = new AbortController();
    const signal = AbortSignal.any([waiting.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    try {
      return await Promise.race([
        once(this.#process, 'message', { signal }).then(([report]) => report as CrowdReport),
        once(this.#process, 'exit', { signal }).then(() => {
          throw new Error('The process of the event clients has ended');
        }),
      ]);
    } finally {
      waiting.abort();
    }
  }
}
