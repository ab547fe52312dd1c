/** A figure of one run: the median, and the spread from the lowest round to the highest. */
export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

/** Round by round, so that a machine that is slower for a while is so for both. */
export function ratio(dividend: readonly number[], divisor: readonly number[]): Spread {
  return spread(dividend.map((value, round) => value / (divisor[round] ?? Number.NaN)));
}

/** Of single durations: the histogram that autocannon reports from knows whole milliseconds only. */
export function percentiles(durations: readonly number[]): { p50Ms: number; p99Ms: number } {
  const sorted = Float64Array.from(durations).sort();
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
