import { describe, expect, it } from '@jest/globals';
import { nextWait } from './retry-plan.js';

describe('nextWait', () => {
  it('grows, and tries a last time after 24 hours', () => {
    let failing = 0;
    const at: number[] = [];
    for (let attempts = 1; ; attempts++) {
      const wait = nextWait(attempts, failing, null, 0.5);
      if (wait === null) break;
      failing += wait;
      at.push(failing);
    }
    expect(at).toEqual([5, 305, 2105, 9305, 27_305, 63_305, 86_400]);
  });

  it('waits as long as the receiver asks, up to an hour', () => {
    expect(nextWait(1, 0, 120, 0.5)).toBe(120);
    expect(nextWait(1, 0, 1e9, 0.5)).toBe(3600);
    expect(nextWait(3, 305, 1, 0.5)).toBe(1800);
  });

  it('spreads what failed together by a tenth', () => {
    expect([nextWait(2, 5, null, 0), nextWait(2, 5, null, 1)]).toEqual([270, 330]);
  });
});
