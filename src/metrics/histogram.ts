import type { Metric, MetricValueWithName, Registry } from 'prom-client';
import type { Durations } from '../common/durations.js';

export interface LabelledDurations {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly durations: Durations;
}

/** Exports durations that are counted elsewhere, as the histogram that prom-client would make of them. */
export function exportHistogram(
  registry: Registry,
  name: string,
  help: string,
  read: () => Iterable<LabelledDurations>,
): void {
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: () => Promise.resolve({ ...metric, values: [...read()].flatMap((each) => valuesOf(name, each)) }),
  };
  // What a registry asks of a metric. Its type wants one of prom-client's own four classes.
  registry.registerMetric(metric as unknown as Metric);
}

function valuesOf(name: string, { labels, durations }: LabelledDurations): MetricValueWithName<string>[] {
  let count = 0;
  const buckets = durations.counts.map((more, place) => {
    count += more;
    const le = durations.bounds[place] ?? '+Inf';
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: durations.sumSeconds },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
