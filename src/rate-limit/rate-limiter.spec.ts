import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Counted, CountingStore } from '../cache/counting-store.js';
import { addressKey } from '../http/address-key.js';
import { RateLimiter, WINDOW_MS } from './rate-limiter.js';

/** Stands in for Redis, shared by all limiters of a test. */
class SharedCounts implements CountingStore {
  readonly #totals = new Map<string, { total: number; endsAtMs: number }>();
  nowMs = 0;
  reachable = true;
  calls = 0;

  add(key: string, count: number, windowMs: number): Promise<Counted | null> {
    this.calls++;
    if (!this.reachable) return Promise.resolve(null);
    let entry = this.#totals.get(key);
    if (entry === undefined || entry.endsAtMs <= this.nowMs) {
      entry = { total: 0, endsAtMs: this.nowMs + windowMs };
      this.#totals.set(key, entry);
    }
    entry.total += count;
    return Promise.resolve({ total: entry.total, remainingMs: entry.endsAtMs - this.nowMs });
  }
}

describe('RateLimiter', () => {
  let counts: SharedCounts;
  let one: RateLimiter;
  let two: RateLimiter;

  beforeEach(() => {
    counts = new SharedCounts();
    one = new RateLimiter(counts, () => counts.nowMs);
    two = new RateLimiter(counts, () => counts.nowMs);
  });

  const admitted = (limiter: RateLimiter, times: number, limit = 10): number =>
    Array.from({ length: times }, () => limiter.take('user', 'k', limit)).filter(
      (verdict) => verdict.admitted,
    ).length;

  it('admits the limit in a window, says what is left, and starts again when the window ends', () => {
    expect(one.take('user', 'k', 3)).toEqual({ admitted: true, limit: 3, remaining: 2, resetSeconds: 60 });
    counts.nowMs = 20_000;
    expect(admitted(one, 5, 3)).toBe(2);
    expect(one.take('user', 'k', 3)).toEqual({ admitted: false, limit: 3, remaining: 0, resetSeconds: 40 });
    counts.nowMs = WINDOW_MS;
    expect(admitted(one, 5, 3)).toBe(3);
  });

  it('asks the store nothing before it answers, and then once for all requests of a key', async () => {
    admitted(one, 8);
    expect(counts.calls).toBe(0);
    await one.sync();
    await one.sync();
    expect(counts.calls).toBe(1);
  });

  it('counts what other processes have admitted, once they have told', async () => {
    expect(admitted(one, 6)).toBe(6);
    await one.sync();
    expect(admitted(two, 1)).toBe(1);
    await two.sync();
    expect(admitted(two, 10)).toBe(3);
    await two.sync();
    expect(admitted(one, 10)).toBe(4); // what it does not know of yet: at most what comes between two tellings
    await one.sync();
    await two.sync();
    expect([admitted(one, 10), admitted(two, 10)]).toEqual([0, 0]);
  });

  it('is exact across processes where that is asked for', async () => {
    const verdicts = await Promise.all(
      Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? one : two).takeExactly('k', 10)),
    );
    expect(verdicts.filter(({ admitted: yes }) => yes)).toHaveLength(10);
  });

  it('keeps a limit of its own while the store cannot be asked, and tells afterwards', async () => {
    counts.reachable = false;
    expect(admitted(one, 20)).toBe(10);
    await one.sync();
    const exact = await Promise.all(Array.from({ length: 20 }, () => one.takeExactly('exact', 10)));
    expect(exact.filter(({ admitted: yes }) => yes)).toHaveLength(10);
    counts.reachable = true;
    await one.sync();
    admitted(two, 1);
    await two.sync();
    expect(admitted(two, 10)).toBe(0);
  });

  it('counts alone without a store', async () => {
    const alone = new RateLimiter(null, () => 0);
    expect(admitted(alone, 20)).toBe(10);
    const exact = await Promise.all(Array.from({ length: 20 }, () => alone.takeExactly('exact', 10)));
    expect(exact.filter(({ admitted: yes }) => yes)).toHaveLength(10);
  });
});

describe('addressKey', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('takes %s for %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
