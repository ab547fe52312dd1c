import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { CacheHealth } from '../cache/cache-health.js';
import { CacheTrust } from './cache-trust.js';

describe('CacheTrust', () => {
  let health: CacheHealth;

  beforeEach(() => {
    jest.useFakeTimers({ now: 0 });
    health = { kind: 'redis', trustedUntilMs: Number.NEGATIVE_INFINITY } as CacheHealth;
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const trusts = (): boolean => performance.now() <= health.trustedUntilMs;
  const trustOf = (needsDatabase: boolean): CacheTrust => new CacheTrust(health, 1000, needsDatabase);
  const refused = (): Promise<void> => Promise.reject(new Error('connection refused'));
  /** The clock goes on, and timers do not run before it wakes up. */
  const freeze = (ms: number): void => {
    const now = performance.now() + ms;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
  };
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('ends so long after a look that a writer which could not drop its keys still waits', () => {
    trustOf(false).looked(performance.now());
    jest.advanceTimersByTime(1400);
    expect(trusts()).toBe(true);
    jest.advanceTimersByTime(1);
    expect(trusts()).toBe(false);
  });

  it('goes on while the database refuses or does not answer, unless it is needed', async () => {
    for (const needsDatabase of [false, true]) {
      health.trustedUntilMs = Number.NEGATIVE_INFINITY;
      await expect(trustOf(needsDatabase).during(refused)).rejects.toThrow('refused');
      expect(trusts()).toBe(!needsDatabase);

      health.trustedUntilMs = performance.now();
      void trustOf(needsDatabase).during(() => new Promise(() => {}));
      jest.advanceTimersByTime(250);
      expect(trusts()).toBe(!needsDatabase);
    }
  });

  // Seed 92 of the simulation: the server ended the transaction of a process that was frozen in it.
  //   2990 ms  p2  looks at the outbox
  //   3002 ms  p2  is frozen
  //   3005 ms  p3  writes, and is cut off from Redis
  //   4095 ms  pg  ends p2's transaction, which is idle
  //   5125 ms  p3  acknowledges the write: every process has had two seconds to notice
  //   5386 ms  p2  wakes up; its look fails; it reads the old entry
  it('does not follow from a look that failed because the process was frozen', async () => {
    let fail = (_: Error): void => {};
    const look = trustOf(false).during(() => new Promise((_, reject) => (fail = reject)));
    freeze(2400);
    fail(new Error('terminating connection due to idle-in-transaction timeout'));
    await expect(look).rejects.toThrow('idle-in-transaction');
    expect(trusts()).toBe(false);
  });

  it('comes back with a fresh look that is refused, and with one that is not answered for long', async () => {
    await expect(trustOf(false).during(refused)).rejects.toThrow('refused');
    expect(trusts()).toBe(true);

    // Seed 1934: after a freeze, an answer that is only slow is waited for.
    health.trustedUntilMs = Number.NEGATIVE_INFINITY;
    void trustOf(false).during(() => new Promise(() => {}));
    jest.advanceTimersByTime(2499);
    expect(trusts()).toBe(false);
    jest.advanceTimersByTime(1);
    expect(trusts()).toBe(true);
  });

  it('is not ended where there are no other processes', () => {
    health.trustedUntilMs = Number.POSITIVE_INFINITY;
    new CacheTrust(health, 30_000, false).looked(performance.now());
    expect(health.trustedUntilMs).toBe(Number.POSITIVE_INFINITY);
  });
});
