import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { withFreePort } from './free-port.js';
import { ServerProcess } from './server-process.js';
import type { UserIds } from './unprivileged-user.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 2_000;

export interface ApiOptions {
  /** The whole environment of the process, but for PATH, HOME, and by default PORT and HOST. */
  readonly env: Readonly<Record<string, string>>;
  /** The program, by default the built dist/main.js. */
  readonly entry?: string;
  /** What runs it, by default the Node of the tests. */
  readonly node?: string;
  /** By default the user of the tests. */
  readonly user?: UserIds | undefined;
}

/** The API as its own node process, as in production. */
export class ApiProcess {
  readonly baseUrl: string;

  constructor(
    private readonly process: ServerProcess,
    readonly port: number,
  ) {
    this.baseUrl = `http://127.0.0.1:${port}`;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Lines of standard output and standard error; the last 20,000. */
  get output(): readonly string[] {
    return this.process.output;
  }

  /** Resolves when it has ended, to its exit code, or to null when a signal ended it. */
  get exited(): Promise<number | null> {
    return this.process.exited;
  }

  /** Returns when GET /health/live answers 200; rejects at once, with the output, when the process ends before. */
  async start(): Promise<void> {
    await this.process.start(() => answersOk(`${this.baseUrl}/health/live`), START_TIMEOUT_MS);
  }

  /** The first match in the output, which may come later than an answer that follows it. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    return this.process.printed(pattern);
  }

  /** SIGTERM, and SIGKILL after `timeoutMs`. Returns as `exited` does. */
  async stop(timeoutMs = STOP_TIMEOUT_MS): Promise<number | null> {
    return this.process.stop('SIGTERM', timeoutMs);
  }

  async kill(): Promise<void> {
    await this.process.kill();
  }

  async freeze(): Promise<void> {
    await this.process.freeze();
  }

  thaw(): void {
    this.process.thaw();
  }
}

/** The caller stops it; it goes with this process at the latest. */
export async function startApi(options: ApiOptions): Promise<ApiProcess> {
  const given = options.env.PORT;
  return given === undefined
    ? withFreePort((port) => startOn(port, options))
    : startOn(Number(given), options);
}

async function startOn(port: number, { env, entry, node, user }: ApiOptions): Promise<ApiProcess> {
  const { PATH = '', HOME = '' } = process.env;
  const child = new ServerProcess('The API', {
    command: node ?? process.execPath,
    args: [entry ?? `${ROOT}dist/main.js`],
    cwd: ROOT,
    env: { PATH, HOME, HOST: '127.0.0.1', ...env, PORT: String(port) },
    user,
  });
  const api = new ApiProcess(child, port);
  await api.start();
  return api;
}

function answersOk(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    // No agent: a kept connection would still be open when the process is asked to stop.
    const request = get(url, { agent: false, timeout: PROBE_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
