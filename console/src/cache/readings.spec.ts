import { describe, expect, it } from '@jest/globals';
import { type Reading, hitRatio, queriesSaved, ratesBetween } from './readings.js';

const NONE = { hit: 0, collapsed: 0, miss: 0, bypass: 0, error: 0, corrupt: 0 };

function reading(at: number, own: Partial<Reading['outcomes']>, processId = 'one'): Reading {
  return { at, processId, outcomes: { ...NONE, ...own }, durations: [] };
}

describe('cache readings', () => {
  it('give rates', () => {
    const rates = ratesBetween(reading(10, { hit: 100, miss: 4 }), reading(14, { hit: 180, miss: 5 }));
    expect(rates?.outcomes).toEqual({ ...NONE, hit: 20, miss: 0.25 });
    expect(rates?.p99).toBeNull();
  });

  it('give no rates across two processes, whichever counter is higher', () => {
    for (const hit of [30, 3000]) {
      expect(ratesBetween(reading(10, { hit: 100 }), reading(12, { hit }, 'other'))).toBeNull();
    }
    expect(ratesBetween(reading(10, {}), reading(10, {}))).toBeNull();
  });

  it('count a collapsed read as a saved query but not as a hit', () => {
    const { outcomes } = reading(1, { hit: 6, collapsed: 2, miss: 1, bypass: 1 });
    expect(queriesSaved(outcomes)).toBe(8);
    expect(hitRatio(outcomes)).toBe(0.6);
    expect(hitRatio(NONE)).toBeNull();
  });
});
