import type { CacheFigures } from '../api/client.js';
import { type Buckets, type Metrics, bucketsOf, quantile, since, sum } from './prometheus.js';

type Outcomes = CacheFigures['resources'][number]['outcomes'];
export type Outcome = keyof Outcomes;

export const OUTCOMES: readonly Outcome[] = ['hit', 'collapsed', 'miss', 'bypass', 'error', 'corrupt'];

/** What a process had counted at one moment. */
export interface Reading {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Empty where /metrics cannot be read. */
  readonly durations: Buckets;
}

export interface Rates {
  readonly at: number;
  /** A second. */
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Seconds. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export function readingOf(at: number, figures: CacheFigures, metrics: Metrics | null): Reading {
  const outcomes = byOutcome((outcome) =>
    figures.resources.reduce((total, resource) => total + (resource.outcomes[outcome] ?? 0), 0),
  );
  const durations = metrics === null ? [] : bucketsOf(metrics, 'platform_cache_duration_seconds');
  return { at, outcomes, durations };
}

/** Null when the later one is of another process, or of one that was started anew: its counters began again. */
export function ratesBetween(earlier: Reading, later: Reading): Rates | null {
  const seconds = later.at - earlier.at;
  if (seconds <= 0 || OUTCOMES.some((outcome) => later.outcomes[outcome] < earlier.outcomes[outcome]))
    return null;
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

/** Share of the reads that Redis answered; null without reads. */
export function hitRatio(outcomes: Reading['outcomes']): number | null {
  const total = totalOf(outcomes);
  return total === 0 ? null : outcomes.hit / total;
}

/** Each of the others cost one. */
export function queriesSaved(outcomes: Reading['outcomes']): number {
  return outcomes.hit + outcomes.collapsed;
}

export interface Operation {
  readonly pool: { readonly used: number; readonly idle: number; readonly waiting: number } | null;
  readonly outbox: { readonly pending: number; readonly lagSeconds: number } | null;
  readonly inconsistencies: number | null;
}

export function operationOf(metrics: Metrics): Operation {
  const connections = (state: string): number => sum(metrics, 'database_pool_connections', { state }) ?? 0;
  // Nearly everybody waits at the gate before the pool.
  const waiting = connections('waiting') + (sum(metrics, 'database_admission_waiting') ?? 0);
  const pending = sum(metrics, 'outbox_pending');
  return {
    pool: metrics.has('database_pool_connections')
      ? { used: connections('used'), idle: connections('idle'), waiting }
      : null,
    outbox: pending === null ? null : { pending, lagSeconds: sum(metrics, 'outbox_lag_seconds') ?? 0 },
    inconsistencies: sum(metrics, 'cache_inconsistencies_total'),
  };
}

function byOutcome(count: (outcome: Outcome) => number): Record<Outcome, number> {
  return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, count(outcome)])) as Record<Outcome, number>;
}
