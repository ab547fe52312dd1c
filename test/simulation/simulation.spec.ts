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
    'keeps its promise in 12 runs, with hours of quiet in each',
    async () => {
      const { code, output } = await simulate('--seed', '1', '--seeds', '12', '--minutes', '4');
      expect(output).toMatch(/^12 runs from seed 1, /);
      expect(code).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    'repeats a run exactly',
    async () => {
      const runs = [1, 2].map(() => simulate('--seed', '7', '--seeds', '2', '--minutes', '4'));
      const [first, second] = (await Promise.all(runs)).map(({ output }) =>
        output.replace(/, [\d.]+ s, [\d.]+ s of processor time\n$/, ''),
      );
      expect(first).toMatch(/^2 runs from seed 7, /);
      expect(second).toBe(first);
    },
    TIMEOUT_MS,
  );

  // Found within seconds, by three of the properties. All of them: npm run simulate -- --planted
  it.each([
    'a drop leaves the lease',
    'a fill loads before it has the lease',
    'a write drops nothing',
    'a lease lasts ten minutes',
    'a recovery does not drain',
  ])(
    'finds that %s',
    async (fault) => {
      const { code, output } = await simulate('--planted', fault);
      expect(output).toContain('1 of 1 planted faults found');
      expect(code).toBe(0);
    },
    TIMEOUT_MS,
  );
});
