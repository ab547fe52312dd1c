/** Of one contestant over all rounds. */
export interface Figures {
  /** Requests per second: median, and the spread from the lowest to the highest round. */
  readonly rate: number;
  readonly rateMin: number;
  readonly rateMax: number;
  /** Milliseconds, medians over the rounds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

export interface Round {
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function summarise(rounds: readonly Round[]): Figures {
  const rates = rounds.map(({ rate }) => rate);
  return {
    rate: median(rates),
    rateMin: Math.min(...rates),
    rateMax: Math.max(...rates),
    p50Ms: median(rounds.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
    errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
  };
}
