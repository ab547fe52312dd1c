import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { expectBestRound } from './best-round.js';

describe('expectBestRound', () => {
  let printed: string[];
  beforeEach(() => {
    printed = [];
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  });
  afterEach(() => void jest.restoreAllMocks());

  /** Measures these in turn, and tells how many it has measured. */
  async function over(...values: number[]): Promise<{ outcome: string; measured: number }> {
    let measured = 0;
    const measure = async () => [
      { what: 'always good', value: 0, limit: 0 },
      { what: 'latency', value: values[measured++] ?? Infinity, limit: 100 },
    ];
    const outcome = await expectBestRound(measure).then(
      () => 'passed',
      (error: unknown) => String(error),
    );
    return { outcome, measured };
  }

  it('is content with the first round that is within the limits', async () => {
    expect(await over(100)).toEqual({ outcome: 'passed', measured: 1 });
    expect(await over(101, 500, 99)).toEqual({ outcome: 'passed', measured: 3 });
    // What was put aside is not hidden.
    expect(printed.join('')).toMatch(
      /round 1: .*latency 101 of 100 \(!\)\n.*round 2: .*latency 500 of 100 \(!\)\n/,
    );
  });

  it('fails with all that it has measured when none is, nor takes what is no number for good', async () => {
    const { outcome, measured } = await over(101, NaN, 200, 1);
    expect(measured).toBe(3);
    expect(outcome).toMatch(
      /latency 101 of 100 \(!\)\n.*latency NaN of 100 \(!\)\n.*latency 200 of 100 \(!\)$/,
    );
  });

  it('fails at once where an assertion does', async () => {
    let measured = 0;
    const measure = (): Promise<never> => {
      measured++;
      return Promise.reject(new Error('a stale read'));
    };
    await expect(expectBestRound(measure)).rejects.toThrow('a stale read');
    expect(measured).toBe(1);
  });
});
