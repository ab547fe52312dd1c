import { useEffect, useRef, useState } from 'preact/hooks';
import { type CacheFigures, api, ok } from '../api/client.js';
import { poll } from '../api/poll.js';
import { messageOf } from '../state/messages.js';
import { type Metrics, parseMetrics } from './prometheus.js';
import {
  type Operation,
  type Rates,
  type Reading,
  operationOf,
  ratesBetween,
  readingOf,
} from './readings.js';

const EVERY_MS = 2000;
/** Five minutes. */
const KEPT = 150;
/** Readings that the percentiles and the recent hit ratio look back: half a minute. */
const WINDOW = 15;
const METRICS_TIMEOUT_MS = 5000;

export interface CacheWatch {
  readonly figures: CacheFigures | null;
  readonly reading: Reading | null;
  /** Of the last half minute. */
  readonly recent: Rates | null;
  readonly history: readonly Rates[];
  /** Null where this server does not let browsers read /metrics. */
  readonly operation: Operation | null;
  readonly error: string | null;
}

const NOTHING: CacheWatch = {
  figures: null,
  reading: null,
  recent: null,
  history: [],
  operation: null,
  error: null,
};

/** Reads the figures every two seconds, unless paused, and makes rates of them. */
export function useCacheWatch(paused: boolean): CacheWatch {
  const [watch, setWatch] = useState(NOTHING);
  const readings = useRef<readonly Reading[]>([]);

  useEffect(() => {
    if (paused) return;
    const polled = poll(
      async () => {
        try {
          const [figures, metrics] = await Promise.all([ok(api.GET('/v1/admin/cache')), readMetrics()]);
          const reading = readingOf(Date.now() / 1000, figures, metrics);
          const last = readings.current.at(-1);
          const rates = last === undefined ? null : ratesBetween(last, reading);
          readings.current = [...(rates === null ? [] : readings.current), reading].slice(-KEPT);
          const windowStart = readings.current.at(-1 - WINDOW) ?? readings.current[0] ?? reading;
          const recent = ratesBetween(windowStart, reading);
          setWatch(({ history }) => ({
            figures,
            reading,
            recent,
            history:
              rates === null ? history : [...history, { ...rates, ...percentiles(recent) }].slice(-KEPT),
            operation: metrics === null ? null : operationOf(metrics),
            error: null,
          }));
        } catch (error) {
          setWatch((known) => ({ ...known, error: messageOf(error) }));
        }
      },
      () => EVERY_MS,
    );
    return polled.stop;
  }, [paused]);

  return watch;
}

/** Two seconds hold too few reads for a 99th percentile. */
function percentiles(recent: Rates | null): Partial<Rates> {
  return recent === null ? {} : { p50: recent.p50, p95: recent.p95, p99: recent.p99 };
}

async function readMetrics(): Promise<Metrics | null> {
  try {
    const response = await fetch('/metrics', { signal: AbortSignal.timeout(METRICS_TIMEOUT_MS) });
    return response.ok ? parseMetrics(await response.text()) : null;
  } catch {
    // Kept from browsers on purpose, perhaps; what is shown without it is the same.
    return null;
  }
}
