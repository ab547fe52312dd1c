import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Target {
  readonly url: string;
  /** The process that answers. */
  readonly pid: number;
  readonly method?: 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers of their own for the connections, in turn. */
  readonly callers?: readonly Readonly<Record<string, string>>[];
  readonly body?: string;
  /** Asked once this one has answered; both together count as one request. */
  readonly next?: Target;
}

export interface Load {
  readonly target: Target;
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second; without it, as many as the connections can. */
  readonly rate?: number;
}

export interface Round {
  /** Answers. */
  readonly requests: number;
  /** Requests per second. */
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

/** autocannon, or requests at a rate, in a process of its own, one round after the other. */
export class LoadGenerator {
  readonly #process: ChildProcess = fork(fileURLToPath(new URL('./load-process.ts', import.meta.url)));

  round(load: Load): Promise<Round> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void =>
        reject(new Error(`The load generator ended with code ${code}`));
      this.#process.once('exit', ended);
      this.#process.once('message', (round: Round) => {
        this.#process.off('exit', ended);
        resolve(round);
      });
      this.#process.send(load);
    });
  }

  stop(): void {
    this.#process.disconnect();
  }
}
