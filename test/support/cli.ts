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

/** One operator command of the built program, by the file that registers it, in a process of its own. */
export function startCli(
  file: string,
  register: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): RunningCli {
  // As src/cli/main.ts does it: a known failure is one line on standard error, and the exit code is 1.
  const program = [
    `const { Command } = await import('commander');`,
    `const { ${register} } = await import('./dist/cli/${file}.js');`,
    `const program = new Command();`,
    `${register}(program);`,
    `try { await program.parseAsync(process.argv.slice(1), { from: 'user' }); }`,
    `catch (error) { process.stderr.write(error.message + '\\n'); process.exitCode = 1; }`,
  ].join('\n');
  return start(['--input-type=module', '-e', program, '--', ...args], env);
}

/** The built program as operators run it. */
export function runCli(args: readonly string[], env: Readonly<Record<string, string>>): Promise<CliRun> {
  return start(['dist/cli/main.js', ...args], env).done;
}

function start(nodeArgs: readonly string[], env: Readonly<Record<string, string>>): RunningCli {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, nodeArgs, {
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
