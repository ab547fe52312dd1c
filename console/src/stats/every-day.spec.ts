import { describe, expect, it } from '@jest/globals';
import { everyDay } from './every-day.js';

const none = (date: string) => ({ date, posts: 0, images: 0, processingRuns: 0 });
const some = (date: string) => ({ date, posts: 3, images: 2, processingRuns: 1 });

describe('everyDay', () => {
  it('adds days without activity as zeros, up to today in UTC', () => {
    const recorded = [some('2026-02-27'), some('2026-03-01')];
    expect(everyDay(recorded, 5, new Date('2026-03-02T23:59:59Z'))).toEqual([
      none('2026-02-26'),
      some('2026-02-27'),
      none('2026-02-28'),
      some('2026-03-01'),
      none('2026-03-02'),
    ]);
    expect(everyDay([], 1, new Date('2026-03-02T00:00:00Z'))).toEqual([none('2026-03-02')]);
  });

  it("ends with the server's last day if its clock is ahead", () => {
    const days = everyDay([some('2026-03-02')], 2, new Date('2026-03-01T23:59:59Z'));
    expect(days).toEqual([none('2026-03-01'), some('2026-03-02')]);
  });
});
