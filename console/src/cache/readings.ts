import type { CacheFigures } from '../api/client.js';
import { type Buckets, quantile, since } from './quantile.js';

type Outcomes = CacheFigures['resources'][number]['outcomes'];
export type Outcome = keyof Outcomes;

export const OUTCOMES: readonly Outcome[] = ['hit', 'collapsed', 'miss', 'bypass', 'error', 'corrupt'];

/** The counters of one process at one moment. */
export interface Reading {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly processId: string;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly durations: Buckets;
}

export interface Rates {
  readonly at: number;
  /** Reads per second. */
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Seconds. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export function readingOf(at: number, figures: CacheFigures): Reading {
  const outcomes = byOutcome((outcome) =>
    figures.resources.reduce((total, resource) => total + (resource.outcomes[outcome] ?? 0), 0),
  );
  const durations = figures.durations.map(
    ({ upToSeconds, reads }) => [upToSeconds ?? Infinity, reads] as const,
  );
  return { at, processId: figures.processId, outcomes, durations };
}

/** Null if the readings come from different processes, because each process has its own counters. */
export function ratesBetween(earlier: Reading, later: Reading): Rates | null {
  const seconds = later.at - earlier.at;
  if (seconds <= 0 || later.processId !== earlier.processId) return null;
  const durations = since(earlier.durations, later.durations);
  return {
    at: later.at,
    outcomes: byOutcome((outcome) => (later.outcomes[outcome] - earlier.outcomes[outcome]) / seconds),
    p50: quantile(durations, 0.5),
    p95: quantile(durations, 0.95),
    p99: quantile(durations, 0.99),
  };
}

export function totalOf(outcomes: Reading['outcomes']): number {
  return OUTCOMES.reduce((total, outcome) => total + outcomes[outcome], 0);
}

/** Share of reads that Redis answered; null without reads. */
export function hitRatio(outcomes: Reading['outcomes']): number | null {
  const total = totalOf(outcomes);
  return total === 0 ? null : outcomes.hit / total;
}

/** Reads with any other outcome cost one query each. */
export function queriesSaved(outcomes: Reading['outcomes']): number {
  return outcomes.hit + outcomes.collapsed;
}

function byOutcome(count: (outcome: Outcome) => number): Record<Outcome, number> {
  return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, count(outcome)])) as Record<Outcome, number>;
}
