import { useEffect, useRef, useState } from 'preact/hooks';
import { type CacheFigures, api, ok } from '../api/client.js';
import { poll } from '../api/poll.js';
import { messageOf } from '../state/messages.js';
import { type Rates, type Reading, ratesBetween, readingOf } from './readings.js';

const EVERY_MS = 2000;
/** A quarter of an hour of readings. */
const MAX_READINGS = 450;
/** Time span of the percentiles and the recent hit ratio. */
const WINDOW_SECONDS = 30;

export interface CacheWatch {
  readonly figures: CacheFigures | null;
  readonly reading: Reading | null;
  /** Rates over the last half minute, for the process that answered last. */
  readonly recent: Rates | null;
  readonly history: readonly Rates[];
  readonly error: string | null;
}

const NOTHING: CacheWatch = { figures: null, reading: null, recent: null, history: [], error: null };

/** Reads the figures every two seconds unless paused, and computes rates from them. */
export function useCacheWatch(paused: boolean): CacheWatch {
  const [watch, setWatch] = useState(NOTHING);
  const readings = useRef<readonly Reading[]>([]);

  useEffect(() => {
    if (paused) return;
    const polled = poll(
      async () => {
        try {
          const figures = await ok(api.GET('/v1/admin/cache'));
          const reading = readingOf(Date.now() / 1000, figures);
          const own = readings.current.filter(({ processId }) => processId === reading.processId);
          const rates = ratesSince(own.at(-1), reading);
          const recent = ratesSince(
            own.find(({ at }) => at >= reading.at - WINDOW_SECONDS),
            reading,
          );
          readings.current = [...readings.current, reading].slice(-MAX_READINGS);
          setWatch(({ history }) => ({
            figures,
            reading,
            recent,
            history:
              rates === null
                ? history
                : [...history, { ...rates, ...percentiles(recent) }].slice(-MAX_READINGS),
            error: null,
          }));
        } catch (error) {
          setWatch((last) => ({ ...last, error: messageOf(error) }));
        }
      },
      () => EVERY_MS,
    );
    return polled.stop;
  }, [paused]);

  return watch;
}

/** Percentiles over half a minute, because two seconds contain too few reads for a 99th percentile. */
function percentiles(recent: Rates | null): Partial<Rates> {
  return recent === null ? {} : { p50: recent.p50, p95: recent.p95, p99: recent.p99 };
}

function ratesSince(earlier: Reading | undefined, later: Reading): Rates | null {
  return earlier === undefined ? null : ratesBetween(earlier, later);
}
