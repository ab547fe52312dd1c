import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { WatchForecast } from '../watch/watch-forecast.js';
import type { WatchMeter } from '../watch/watch-meter.js';

/** Counts the watcher's work in this process, and reports the work that is due for all processes. */
export function countWatching(registry: Registry, meter: WatchMeter, forecast: WatchForecast): void {
  const registers = [registry];
  const counter = (name: string, help: string): Counter<'outcome'> =>
    new Counter({ name, help, labelNames: ['outcome'], registers });
  const counters = {
    round: counter('watcher_rounds_total', 'Searches for connections that are due for a check'),
    visit: counter('watcher_visits_total', 'Visits to one instance, by outcome'),
    check: counter('watcher_checks_total', 'Checks of a connection, by outcome'),
    refresh: counter('watcher_refreshes_total', 'Attempts to refresh a token, by outcome'),
  };
  const round = new Histogram({
    name: 'watcher_round_duration_seconds',
    help: 'Duration of searches for due connections',
    buckets: [0.005, 0.025, 0.1, 0.5, 2.5, 10],
    registers,
  });
  const visit = new Histogram({
    name: 'watcher_visit_duration_seconds',
    help: 'Duration of visits to one instance',
    buckets: [0.1, 0.5, 2.5, 10, 30, 60, 120, 300, 600],
    registers,
  });
  meter.onEvent((event) => {
    counters[event.kind].inc({ outcome: event.outcome });
    if (event.kind === 'round') round.observe(event.seconds);
    if (event.kind === 'visit' && event.outcome !== 'busy') visit.observe(event.seconds);
  });
  new Gauge({
    name: 'watcher_due',
    aggregator: 'max',
    help: 'Checks that are due but not done, of all processes, as of the last minutes; counted up to 10001',
    registers,
    collect() {
      const figures = forecast.latest();
      if (figures !== null) this.set(figures.due);
    },
  });
  new Gauge({
    name: 'platform_tokens_expiring',
    aggregator: 'max',
    help: 'Access tokens of active connections that have expired, or expire within 1, 7 and 30 days (cumulative)',
    labelNames: ['within'],
    registers,
    collect() {
      const figures = forecast.latest();
      if (figures === null) return;
      this.set({ within: 'expired' }, figures.expired);
      this.set({ within: '1d' }, figures.within1d);
      this.set({ within: '7d' }, figures.within7d);
      this.set({ within: '30d' }, figures.within30d);
    },
  });
}
