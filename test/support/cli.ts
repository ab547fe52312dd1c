import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly pid: number;
  /** What standard error has said so far. */
  stderr(): string;
  /** Standard output and standard error so far, as they are searched for secrets. */
  output(): readonly string[];
  /** SIGKILL, as a crash. */
  kill(): void;
  readonly done: Promise<CliRun>;
}

/** An operator command of the built program, in a process of its own. */
export function startCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  node = process.execPath,
): RunningCli {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(node, ['dist/cli/main.js', ...args], {
    cwd: ROOT,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return {
    pid: child.pid ?? 0,
    stderr: () => stderr,
    output: () => [stdout, stderr],
    kill: () => child.kill('SIGKILL'),
    done: once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr })),
  };
}

/** The same, to its end. */
export function runCli(...given: Parameters<typeof startCli>): Promise<CliRun> {
  return startCli(...given).done;
}
