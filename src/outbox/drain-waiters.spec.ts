import { describe, expect, it } from '@jest/globals';
import { Barrier } from '../../test/support/barrier.js';
import { DrainWaiters } from './drain-waiters.js';

describe('DrainWaiters', () => {
  it('lets a writer go when no change of its users is pending any more', async () => {
    const pending = new Set([1, 2]);
    const waiters = new DrainWaiters(async () => pending);
    const first = waiters.wait([1], 10_000);
    const second = waiters.wait([2], 10_000);
    pending.delete(1);
    expect(await first).toBe(true);
    pending.delete(2);
    expect(await second).toBe(true);
  });

  it('asks once for all who wait, however many they are', async () => {
    const asked: number[][] = [];
    const waiters = new DrainWaiters(async (userIds) => {
      asked.push([...userIds]);
      return new Set();
    });
    await Promise.all(Array.from({ length: 200 }, (_, index) => waiters.wait([index % 50], 10_000)));
    expect(asked).toHaveLength(1);
    expect(asked[0]).toHaveLength(50);
  });

  it('gives up after the time that was given', async () => {
    const waiters = new DrainWaiters(async (userIds) => new Set(userIds));
    const started = performance.now();
    expect(await waiters.wait([1], 60)).toBe(false);
    expect(performance.now() - started).toBeGreaterThanOrEqual(60);
  });

  it('does not take the answer of a query that was under way when the writer came', async () => {
    const barrier = new Barrier(2);
    let queries = 0;
    const waiters = new DrainWaiters(async () => {
      if (++queries === 1) await barrier.arrive();
      return new Set();
    });
    const early = waiters.wait([1], 10_000);
    while (queries === 0) await new Promise((resolve) => setImmediate(resolve));
    const late = waiters.wait([2], 10_000);
    await barrier.arrive();
    await Promise.all([early, late]);
    expect(queries).toBe(2);
  });

  it('tells every writer when the database cannot be asked', async () => {
    const waiters = new DrainWaiters(() => Promise.reject(new Error('gone')));
    await expect(Promise.all([waiters.wait([1], 10_000), waiters.wait([2], 10_000)])).rejects.toThrow('gone');
  });
});
