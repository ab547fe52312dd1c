import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { startTestApp, type TestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { createPlatform, register } from '../../support/factories.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';

const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));
/** Prometheus's own, of every target. */
const OF_PROMETHEUS = new Set(['up']);
/** Prometheus adds these to every sample. */
const TARGET_LABELS = ['instance', 'job'];

/** Whose labels have to be seen; they come with the watcher's first work. */
const WATCHING = [
  'platform_tokens_expiring',
  'watcher_rounds_total',
  'watcher_visits_total',
  'watcher_checks_total',
];

interface Query {
  readonly where: string;
  readonly expression: string;
}

function alerts(): Query[] {
  const { groups } = parse(readFileSync(`${DEPLOY}prometheus/alerts.yml`, 'utf8')) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  return groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ where: alert, expression: expr })));
}

function panels(): Query[] {
  const { panels } = JSON.parse(
    readFileSync(`${DEPLOY}grafana/dashboards/platform-manager.json`, 'utf8'),
  ) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  return panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({ where: title, expression: expr.replaceAll('$__rate_interval', '5m') })),
  );
}

/** The jobs of each of our Prometheus configurations. */
function scrapedJobs(): string[][] {
  return ['prometheus.yml', 'kubernetes.yml'].map((file) => {
    const { scrape_configs } = parse(readFileSync(`${DEPLOY}prometheus/${file}`, 'utf8')) as {
      scrape_configs: { job_name: string }[];
    };
    return scrape_configs.map(({ job_name }) => job_name);
  });
}

interface Selector {
  readonly metric: string;
  /** Label and, for `=`, the value. */
  readonly matchers: readonly { readonly label: string; readonly value: string | null }[];
}

/** What a PromQL expression asks for, by Prometheus's own grammar. @throws where it is not PromQL. */
function readQuery(expression: string): { selectors: Selector[]; grouping: string[] } {
  const selectors: { metric: string; matchers: { label: string; value: string | null }[] }[] = [];
  const grouping: string[] = [];
  let grouped = 0;
  parser.parse(expression).iterate({
    enter: ({ name, type, from, to, node }) => {
      const text = expression.slice(from, to);
      if (type.isError) throw new Error(`Not PromQL at "${expression.slice(from, from + 20)}"`);
      if (name === 'GroupingLabels') grouped++;
      if (name === 'VectorSelector') selectors.push({ metric: '', matchers: [] });
      const last = selectors.at(-1);
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector' && last) last.metric = text;
      if (name === 'LabelName' && grouped > 0) grouping.push(text);
      if (name === 'UnquotedLabelMatcher' && last) {
        const [, label = '', operator = '', value = ''] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/.exec(text) ?? [];
        last.matchers.push({ label, value: operator === '=' ? value : null });
      }
    },
    leave: ({ name }) => {
      if (name === 'GroupingLabels') grouped--;
    },
  });
  return { selectors, grouping };
}

/** Series of a metrics text: by name, the label sets that it was seen with. */
function readSeries(text: string): Map<string, Map<string, Set<string>>> {
  const series = new Map<string, Map<string, Set<string>>>();
  const labelsOf = (name: string): Map<string, Set<string>> => {
    const labels = series.get(name) ?? new Map<string, Set<string>>();
    series.set(name, labels);
    return labels;
  };
  for (const line of text.split('\n')) {
    const declared = /^# TYPE (\w+) (\w+)$/.exec(line);
    if (declared !== null) {
      const [, name = '', type] = declared;
      for (const suffix of type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''])
        labelsOf(`${name}${suffix}`);
    }
    const sample = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line);
    if (sample === null) continue;
    const labels = labelsOf(sample[1] ?? '');
    for (const [, label = '', value = ''] of (sample[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels.set(label, (labels.get(label) ?? new Set()).add(value));
    }
  }
  return series;
}

describe('alerts and dashboard', () => {
  let instance: FakeInstance;
  let app: TestApp;
  let series: ReturnType<typeof readSeries>;

  beforeAll(async () => {
    instance = await startFakeInstance('mastodon');
    // It watches, or there would be nothing to see of the watcher but names.
    const env = {
      WATCH_ENABLED: 'true',
      WATCH_ROUND_SECONDS: '1',
      WATCH_SPACING_MS: '1',
      INSTANCE_HOST_ALLOWLIST: instance.host,
    };
    app = await startTestApp({ env });
    const ada = await register(app.client, app.backends.secrets);
    const accessToken = instance.addToken(app.backends.secrets.make('token'));
    await createPlatform(ada, app.backends.secrets, { instanceUrl: instance.origin, accessToken });
    await app.backends.settled();
    for (let n = 0; n < 2; n++) await ada.client.get('/v1/platforms');
    const watched = async (): Promise<boolean> => {
      // A first check comes at a random time within hours.
      await app.backends.rows('UPDATE platform_watch SET next_check_at = now()');
      series = readSeries((await app.client.get('/metrics')).text);
      return WATCHING.every((name) => (series.get(name)?.size ?? 0) > 0);
    };
    await waitUntil(watched, { timeoutMs: 30_000, what: 'the watcher to be seen', intervalMs: 200 });
  }, 60_000);
  afterAll(async () => {
    await app.close();
    await instance.close();
  });

  it('reads PromQL, and tells what is not', () => {
    expect(readQuery('sum by (a, b) (rate(x_total{c="d",e=~"f.*"}[5m])) / on (g) up')).toEqual({
      selectors: [
        {
          metric: 'x_total',
          matchers: [
            { label: 'c', value: 'd' },
            { label: 'e', value: null },
          ],
        },
        { metric: 'up', matchers: [] },
      ],
      grouping: ['a', 'b', 'g'],
    });
    expect(() => readQuery('sum(rate(x[5m])')).toThrow('Not PromQL');
  });

  it.each([...alerts(), ...panels()])('$where asks for what is there: $expression', ({ expression }) => {
    const { selectors, grouping } = readQuery(expression);
    expect(selectors.length).toBeGreaterThan(0);
    for (const { metric, matchers } of selectors) {
      if (OF_PROMETHEUS.has(metric)) {
        const jobs = matchers.filter(({ label }) => label === 'job').map(({ value }) => value);
        for (const scraped of scrapedJobs()) expect(jobs).toEqual(scraped);
        continue;
      }
      const labels = series.get(metric);
      expect([metric, labels !== undefined]).toEqual([metric, true]);
      // A counter that has not counted yet shows no labels; its name is all that can be checked.
      if (labels === undefined || labels.size === 0) continue;
      for (const label of grouping) expect([...labels.keys(), ...TARGET_LABELS]).toContain(label);
      for (const { label, value } of matchers) {
        expect([...labels.keys(), ...TARGET_LABELS]).toContain(label);
        if (value !== null) expect([...(labels.get(label) ?? [])]).toContain(value);
      }
    }
  });
});
