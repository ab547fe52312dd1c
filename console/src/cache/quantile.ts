/** Cumulative number of observations up to each bound, in ascending order. */
export type Buckets = readonly (readonly [bound: number, count: number])[];

/** The observations between two readings. */
export function since(earlier: Buckets, later: Buckets): Buckets {
  const before = new Map(earlier);
  return later.map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]);
}

/**
 * Works like Prometheus's histogram_quantile: interpolates linearly within a bucket, and returns the highest finite bound
 * for a value beyond it. Null without observations.
 */
export function quantile(buckets: Buckets, share: number): number | null {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  const rank = share * total;
  let below = 0;
  let start = 0;
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (bound === Infinity) return start;
      return count === below ? bound : start + ((bound - start) * (rank - below)) / (count - below);
    }
    below = count;
    start = bound;
  }
  return start;
}
