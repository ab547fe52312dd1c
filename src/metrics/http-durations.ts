import { Durations } from '../common/durations.js';
import type { LabelledDurations } from './histogram.js';

const BOUNDS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

interface Series extends LabelledDurations {
  readonly labels: { readonly method: string; readonly route: string; readonly status: number };
}

/** Durations of HTTP requests by route template, method and status. */
export class HttpDurations {
  /** A route has only a few series, so a linear search beats building a key for a lookup. */
  readonly #routes = new Map<string, Series[]>();

  observe(method: string, route: string, status: number, seconds: number): void {
    let series = this.#routes.get(route);
    if (series === undefined) this.#routes.set(route, (series = []));
    let found = series.find(({ labels }) => labels.status === status && labels.method === method);
    if (found === undefined) {
      found = { labels: { method, route, status }, durations: new Durations(BOUNDS_SECONDS) };
      series.push(found);
    }
    found.durations.observe(seconds);
  }

  *read(): Iterable<LabelledDurations> {
    for (const series of this.#routes.values()) yield* series;
  }
}
