import { describe, expect, it } from '@jest/globals';
import { type Buckets, bucketsOf, parseMetrics, quantile, since, sum } from './prometheus.js';

const TEXT = [
  '# HELP reads Reads',
  '# TYPE reads counter',
  'reads{resource="platform",outcome="hit"} 40',
  'reads{resource="stats",outcome="hit"} 2',
  'reads{resource="stats",outcome="a \\"miss\\""} 1e3',
  'pending 7',
  'duration_bucket{le="0.1",outcome="hit"} 8',
  'duration_bucket{le="+Inf",outcome="hit"} 10',
  'duration_bucket{le="0.1",outcome="miss"} 2',
  'duration_bucket{le="+Inf",outcome="miss"} 10',
].join('\n');

describe('the reader of metrics', () => {
  const metrics = parseMetrics(TEXT);

  it('adds up what has these labels, and tells nothing from zero', () => {
    expect(sum(metrics, 'reads')).toBe(1042);
    expect(sum(metrics, 'reads', { outcome: 'hit' })).toBe(42);
    expect(sum(metrics, 'reads', { outcome: 'error' })).toBe(0);
    expect(sum(metrics, 'pending')).toBe(7);
    expect(sum(metrics, 'writes')).toBeNull();
  });

  it('adds up histograms over their labels', () => {
    expect(bucketsOf(metrics, 'duration')).toEqual([
      [0.1, 10],
      [Infinity, 20],
    ]);
    expect(bucketsOf(metrics, 'absent')).toEqual([]);
  });
});

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
