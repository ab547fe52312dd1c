import { describe, expect, it } from '@jest/globals';
import { type Buckets, quantile, since } from './quantile.js';

describe('a quantile', () => {
  const buckets: Buckets = [
    [1, 50],
    [2, 90],
    [4, 100],
    [Infinity, 100],
  ];

  it('is found within its bucket by proportion', () => {
    expect(quantile(buckets, 0.25)).toBe(0.5);
    expect(quantile(buckets, 0.5)).toBe(1);
    expect(quantile(buckets, 0.7)).toBe(1.5);
    expect(quantile(buckets, 0.95)).toBe(3);
  });

  it('is the highest bound there is, where it lies beyond', () => {
    expect(quantile([...buckets.slice(0, 3), [Infinity, 200]], 0.99)).toBe(4);
  });

  it('of nothing is nothing', () => {
    expect(quantile([], 0.5)).toBeNull();
    expect(quantile(since(buckets, buckets), 0.5)).toBeNull();
  });
});
