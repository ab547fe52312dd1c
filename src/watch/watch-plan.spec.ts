import { describe, expect, it } from '@jest/globals';
import { Clock } from '../common/clock.js';
import { CHECK_OUTCOMES } from '../instances/check-outcome.js';
import { backOffMs, nextCheckMs, pauseMs, signOfLife } from './watch-plan.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

class StoppedClock extends Clock {
  override now(): Date {
    return new Date('2026-11-23T12:00:00.000Z');
  }
}
const now = new StoppedClock().now();
const later = (ms: number): Date => new Date(now.getTime() + ms);

describe('backOffMs', () => {
  it('looks again at once, then doubles from five minutes to a day and stays there, even after a thousand failures', () => {
    expect(backOffMs(1, 1)).toBe(10_000);
    const minutes = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 100, 2000].map((n) => backOffMs(n, 1) / MINUTE);
    expect(minutes).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440, 1440]);
  });

  it('is up to a quarter shorter at random, so that instances that failed together are not retried together', () => {
    expect(backOffMs(2, 0)).toBe(3.75 * MINUTE);
    expect(backOffMs(50, 0)).toBe(0.75 * DAY);
  });
});

describe('nextCheckMs', () => {
  it('is the interval plus or minus a tenth', () => {
    expect([0, 0.5, 1].map((random) => nextCheckMs(1000, random))).toEqual([900, 1000, 1100]);
  });
});

describe('pauseMs', () => {
  const pause = (
    outcome: 'connected' | 'rate_limited',
    limit: number | null,
    remaining: number | null,
    resetsAt: Date | null,
  ) => pauseMs({ outcome, rateLimit: { limit, remaining, resetsAt } }, now);

  it('continues while more than a tenth of the limit is left, or no limit is reported', () => {
    expect(pauseMs({ outcome: 'connected', rateLimit: null }, now)).toBeNull();
    expect(pause('connected', 300, 31, later(MINUTE))).toBeNull();
    expect(pause('connected', null, null, later(MINUTE))).toBeNull();
    expect(pause('connected', null, 1, later(MINUTE))).toBeNull();
  });

  it('waits for the reset when a tenth or less is left, or when rate limited', () => {
    expect(pause('connected', 300, 30, later(MINUTE))).toBe(MINUTE);
    expect(pause('connected', null, 0, later(MINUTE))).toBe(MINUTE);
    expect(pause('rate_limited', null, null, later(2 * MINUTE))).toBe(2 * MINUTE);
  });

  it('waits a usual window without a reset time, and bounds an unreasonable one', () => {
    expect(pauseMs({ outcome: 'rate_limited', rateLimit: null }, now)).toBe(5 * MINUTE);
    expect(pause('rate_limited', 300, 0, later(-DAY))).toBe(1000);
    expect(pause('rate_limited', 300, 0, later(7 * DAY))).toBe(60 * MINUTE);
  });
});

describe('signOfLife', () => {
  it('counts a refusal as alive, and an unreachable, vanished or blocked address as gone', () => {
    const by = (sign: string) => CHECK_OUTCOMES.filter((outcome) => signOfLife(outcome) === sign);
    expect(by('gone')).toEqual(['instance_unreachable', 'instance_gone', 'blocked_address']);
    expect(by('faulty')).toEqual([
      'instance_error',
      'not_an_instance',
      'instance_blocks_programs',
      'instance_moved',
    ]);
    expect(by('none')).toEqual(['needs_reconnect']);
    expect(by('alive')).toHaveLength(CHECK_OUTCOMES.length - 8);
  });
});
