import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { waitUntil, within } from '../barrier.js';
import { freezeTree, killTree, thawTree } from './process-tree.js';
import { keep, release } from './reaper.js';
import type { UserIds } from './unprivileged-user.js';

const MAX_OUTPUT_LINES = 20_000;
const PRINTED_WITHIN_MS = 15_000;

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user?: UserIds | undefined;
}

/** A child process that can be started again, ended gently or by force, and frozen; it does not outlive this one. */
export class ServerProcess {
  /** Lines of standard output and standard error as they came, over all starts; the last 20,000. */
  readonly output: string[] = [];
  private child: ChildProcess | undefined;
  private ended: Promise<number | null> = Promise.resolve(null);

  constructor(
    private readonly name: string,
    private readonly launch: Launch,
  ) {}

  get running(): boolean {
    return this.child !== undefined;
  }

  /** Throws when it does not run: the id may by now be another process's. */
  get pid(): number {
    const pid = this.child?.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  /** Of the latest start: its exit code, or null when a signal ended it or it could not be started. */
  get exited(): Promise<number | null> {
    return this.ended;
  }

  /** Starts it and returns when `isReady` says so. When it exits before, rejects at once with its output. */
  async start(isReady: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    if (this.running) throw new Error(`${this.name} runs already`);
    this.spawn();
    const readyOrEnded = async (): Promise<boolean> => !this.running || (await isReady());
    try {
      await waitUntil(readyOrEnded, { timeoutMs, what: `${this.name} to answer`, intervalMs: 20 });
    } catch (error) {
      await this.kill();
      throw new Error(`${(error as Error).message}\n${this.lastOutput()}`, { cause: error });
    }
    if (this.running) return;
    throw new Error(
      `${this.name} ended with code ${await this.ended} before it answered:\n${this.lastOutput()}`,
    );
  }

  /** The first match in its output. A line takes another way than an answer, and may come later than what follows it. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    return waitUntil(() => pattern.exec(this.output.join('\n')), {
      timeoutMs: PRINTED_WITHIN_MS,
      what: `${this.name} to print ${pattern}`,
    });
  }

  /** Asks it to end, waits, and after `timeoutMs` kills it. Returns the exit code as `exited` does. */
  async stop(signal: NodeJS.Signals, timeoutMs: number): Promise<number | null> {
    if (!this.running) return this.ended;
    this.thaw();
    this.child?.kill(signal);
    try {
      return await within(this.ended, timeoutMs, () => new Error('too slow'));
    } catch {
      await this.kill();
      return this.ended;
    }
  }

  /** SIGKILL to it and its children; returns when all are gone. */
  async kill(): Promise<void> {
    if (!this.running) return;
    await killTree(this.pid);
    await within(this.ended, 5_000, () => new Error(`${this.name} was killed, but its exit was not seen`));
  }

  /** SIGSTOP to it and its children: connections stay open, and nothing answers. */
  async freeze(): Promise<void> {
    await freezeTree(this.pid);
  }

  thaw(): void {
    if (this.running) thawTree(this.pid);
  }

  private spawn(): void {
    const { command, args, cwd, env, user } = this.launch;
    // Detached, so out of reach of a signal to our process group (Ctrl-C, a time-out of CI): one that hit only the
    // postmaster would leave its frozen children behind. The reaper ends the whole tree instead.
    const child = spawn(command, args, {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...user,
    });
    this.child = child;
    if (child.pid !== undefined) keep(child.pid);
    this.collect(child.stdout);
    this.collect(child.stderr);
    child.unref(); // a test that forgets it must not keep Jest from ending
    this.ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        if (child.pid !== undefined) release(child.pid);
        this.child = undefined;
        resolve(code);
      };
      // 'close' and not 'exit', for only then has all output been read. A failed spawn may emit 'error' alone.
      child.once('close', end);
      child.once('error', (error) => {
        this.output.push(String(error));
        if (child.pid === undefined) end(null);
      });
    });
  }

  private collect(stream: Readable): void {
    (stream as Socket).unref();
    createInterface({ input: stream }).on('line', (line) => {
      this.output.push(line);
      if (this.output.length > MAX_OUTPUT_LINES) this.output.shift();
    });
  }

  private lastOutput(): string {
    return this.output.slice(-100).join('\n');
  }
}
