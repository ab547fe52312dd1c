import { describe, expect, it } from '@jest/globals';
import { Histogram, Registry } from 'prom-client';
import { Durations } from '../common/durations.js';
import { exportHistogram } from './histogram.js';

const NAME = 'read_seconds';
const HELP = 'Reads';
const BOUNDS = [0.001, 0.01, 0.1, 1];

describe('exportHistogram', () => {
  it('exports the same text as a prom-client histogram of the same durations', async () => {
    const [theirs, ours] = [new Registry(), new Registry()];
    const histogram = new Histogram({
      name: NAME,
      help: HELP,
      labelNames: ['resource', 'outcome'],
      buckets: BOUNDS,
      registers: [theirs],
    });
    const series = ['hit', 'miss'].map((outcome) => ({
      labels: { resource: 'platform', outcome },
      durations: new Durations(BOUNDS),
    }));
    exportHistogram(ours, NAME, HELP, () => series);

    for (const { labels, durations } of series) {
      // On a bound, between two, below and above all.
      for (const seconds of [0.001, 0.005, 0, 0.01, 0.25, 1, 1.5, 100]) {
        histogram.observe(labels, seconds);
        durations.observe(seconds);
      }
    }
    expect(await ours.metrics()).toBe(await theirs.metrics());
  });

  it('exports no samples without observations', async () => {
    const registry = new Registry();
    exportHistogram(registry, NAME, HELP, () => []);
    expect(await registry.metrics()).toBe(`# HELP ${NAME} ${HELP}\n# TYPE ${NAME} histogram\n`);
  });
});
