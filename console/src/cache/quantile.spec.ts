import { describe, expect, it } from '@jest/globals';
import { type Buckets, quantile, since } from './quantile.js';

describe('quantile', () => {
  const buckets: Buckets = [
    [1, 50],
    [2, 90],
    [4, 100],
    [Infinity, 100],
  ];

  it('interpolates linearly within a bucket', () => {
    expect(quantile(buckets, 0.25)).toBe(0.5);
    expect(quantile(buckets, 0.5)).toBe(1);
    expect(quantile(buckets, 0.7)).toBe(1.5);
    expect(quantile(buckets, 0.95)).toBe(3);
  });

  it('returns the highest finite bound for a value beyond it', () => {
    expect(quantile([...buckets.slice(0, 3), [Infinity, 200]], 0.99)).toBe(4);
  });

  it('returns null without observations', () => {
    expect(quantile([], 0.5)).toBeNull();
    expect(quantile(since(buckets, buckets), 0.5)).toBeNull();
  });
});
