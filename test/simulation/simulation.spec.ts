import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const PROGRAM = fileURLToPath(new URL('simulate.mjs', import.meta.url));
const TIMEOUT_MS = 240_000;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function simulate(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(process.execPath, [PROGRAM, ...args], options, (_, stdout, stderr) => {
      resolve({ code: child.exitCode, output: stdout + stderr });
    });
  });
}

describe('the shipped code under simulated faults', () => {
  it(
    'keeps its promise in 15 runs, and repeats them exactly',
    async () => {
      const args = ['--seed', '1', '--seeds', '15', '--minutes', '4'];
      const [first, second] = [await simulate(...args), await simulate(...args)];
      expect(first).toEqual({
        code: 0,
        output: expect.stringMatching(/^15 runs from seed 1, 0\.12 virtual hours/),
      });
      const counted = ({ output }: Ended): string => output.replace(/, [\d.]+ s\n$/, '');
      expect(counted(second)).toBe(counted(first));
    },
    TIMEOUT_MS,
  );

  // All of them: npm run simulate -- --planted
  it.each(['a drop leaves the lease', 'a fill loads before it has the lease', 'a write drops nothing'])(
    'finds that %s',
    async (fault) => {
      const { code, output } = await simulate('--planted', fault);
      expect(output).toContain('1 of 1 planted faults found');
      expect(code).toBe(0);
    },
    TIMEOUT_MS,
  );
});
