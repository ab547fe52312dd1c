import type { Metric, MetricValueWithName, Registry } from 'prom-client';
import type { Durations } from '../common/durations.js';

export interface LabelledDurations {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly durations: Durations;
}

/** Exports durations that are counted elsewhere, in the format of a prom-client histogram. */
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
  // The object has everything that a registry uses. The cast is needed because its type accepts only prom-client's classes.
  registry.registerMetric(metric as unknown as Metric);
}

function valuesOf(name: string, { labels, durations }: LabelledDurations): MetricValueWithName<string>[] {
  let count = 0;
  const buckets = durations.counts.map((inBucket, index) => {
    count += inBucket;
    const le = durations.bounds[index] ?? '+Inf';
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: durations.sumSeconds },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
