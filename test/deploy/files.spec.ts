import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { environmentSchema } from '../../src/config/environment.js';
import { type Directive, parseNginx } from './nginx.js';

// There is no Docker or Kubernetes here: what can be known of their files without them.

const read = (path: string): string => readFileSync(path, 'utf8');
const SETTINGS = Object.keys(environmentSchema.shape);
const { paths } = JSON.parse(read('openapi.json')) as { paths: Record<string, unknown> };
/** A registry's path and a version: never what is newest today. */
const PINNED = /^[\w./-]+:v?\d[\w.-]*$/;

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly command?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly deploy?: Readonly<Record<string, unknown>>;
}
const compose = parse(read('compose.yaml')) as {
  services: Readonly<Record<string, Service>>;
  volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);

/** Instructions with continued lines joined. */
const docker = read('Dockerfile')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  .map((line) => /^([A-Z]+)\s+(.*)$/.exec(line) ?? [])
  .map(([, name = '', rest = '']) => ({ name, rest }));
const lastStage = docker.slice(docker.findLastIndex(({ name }) => name === 'FROM'));

describe('Dockerfile', () => {
  const of = (name: string, lines = docker) =>
    lines.filter((line) => line.name === name).map(({ rest }) => rest);

  it('has instructions only that there are, from pinned images, in a stage to build and one to run', () => {
    const known = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'EXPOSE', 'HEALTHCHECK', 'CMD'];
    expect(docker.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([]);
    expect(
      of('FROM')
        .map((from) => from.split(' ')[0])
        .filter((image) => !PINNED.test(image ?? '')),
    ).toEqual([]);
    expect(of('FROM')).toHaveLength(2);
  });

  it('has the release of Node that .nvmrc names, in both stages', () => {
    const release = read('.nvmrc').trim();
    expect(of('FROM').filter((from) => !from.startsWith(`node:${release}-`))).toEqual([]);
  });

  it('copies what exists: from here, or what the first stage has made of it', () => {
    const ignored = read('.dockerignore').split('\n').filter(Boolean);
    for (const copy of of(
      'COPY',
      docker.filter((line) => !lastStage.includes(line)),
    )) {
      const sources = copy.split(/\s+/).slice(0, -1);
      expect(sources.filter((path) => !existsSync(path) || ignored.includes(path))).toEqual([]);
    }
    const copied = of('COPY', lastStage).map((copy) => /^--from=build \/app\/(\S+) /.exec(copy)?.[1] ?? copy);
    const made = ['node_modules', 'dist'];
    expect(copied.filter((path) => !made.includes(path) && !existsSync(path))).toEqual([]);
    expect(copied).toEqual(expect.arrayContaining([...made, 'package.json', 'docs/asyncapi.json']));
  });

  it('runs as somebody without rights, is asked whether it lives, and starts what the build makes', () => {
    expect(of('USER', lastStage)).toEqual(['1000']);
    const [check = ''] = of('HEALTHCHECK', lastStage);
    const path = /process\.env\.PORT \|\| (\d+)\) \+ '([^']+)'/.exec(check) ?? [];
    expect([path[1], paths[path[2] ?? ''] !== undefined]).toEqual([
      String(environmentSchema.parse({}).PORT),
      true,
    ]);
    expect(of('EXPOSE', lastStage)).toEqual([path[1]]);
    const command = JSON.parse(of('CMD', lastStage)[0] ?? '') as string[];
    expect(command).toEqual([
      'node',
      (JSON.parse(read('package.json')) as { scripts: { start: string } }).scripts.start.split(' ')[1],
    ]);
  });
});

describe('compose.yaml', () => {
  it('has pinned images, and builds the one that is ours', () => {
    const images = services.flatMap(([, { image }]) => image ?? []);
    expect(images.filter((image) => !PINNED.test(image))).toEqual([]);
    expect(
      services.filter(([, { image, build }]) => (image === undefined) === (build === undefined)),
    ).toEqual([]);
    expect(compose.services['api']?.build).toBe('.');
  });

  it('names settings that there are, and all that production asks for', () => {
    const names = Object.keys(compose.services['api']?.environment ?? {});
    expect(names.filter((name) => !SETTINGS.includes(name))).toEqual([]);
    expect(names).toEqual(
      expect.arrayContaining(['DATABASE_URL', 'REDIS_URL', 'PLATFORM_ENCRYPTION_KEY', 'JWT_SECRET']),
    );
  });

  it('mounts files that exist and volumes that are declared', () => {
    for (const [source = ''] of services.flatMap(([, { volumes = [] }]) =>
      volumes.map((one) => one.split(':')),
    )) {
      expect([source, source.startsWith('./') ? existsSync(source) : source in compose.volumes]).toEqual([
        source,
        true,
      ]);
    }
  });

  it('waits for what is healthy, of services that can tell', () => {
    const needed = services.flatMap(([, { depends_on = {} }]) => Object.entries(depends_on));
    expect(needed.length).toBeGreaterThan(2);
    for (const [name, { condition }] of needed) {
      expect([name, condition]).toEqual([name, 'service_healthy']);
      const service = compose.services[name];
      expect(service?.healthcheck !== undefined || service?.build === '.').toBe(true);
    }
  });

  it('keeps PostgreSQL and Redis, which has a password, out of reach of all but the API', () => {
    const members = (network: string) =>
      services.filter(([, { networks = [] }]) => networks.includes(network)).map(([name]) => name);
    expect(members('data').sort()).toEqual(['api', 'postgres', 'redis']);
    expect(services.filter(([, { networks = [] }]) => networks.length === 0)).toEqual([]);
    expect(compose.services['redis']?.command).toContain('--requirepass');
    expect(compose.services['api']?.environment?.['REDIS_URL']).toContain(':${REDIS_PASSWORD:?}@');
  });

  it('promises nothing that `docker compose up` does not do', () => {
    expect(services.flatMap(([, { deploy = {} }]) => Object.keys(deploy))).toEqual(['replicas']);
  });
});

describe('deploy/nginx.conf', () => {
  const nginx = parseNginx(read('deploy/nginx.conf'));
  const all = (name: string, within: readonly Directive[] = nginx): Directive[] =>
    within.flatMap((one) => [...(one.name === name ? [one] : []), ...all(name, one.block ?? [])]);
  const one = (name: string): string => all(name)[0]?.args.join(' ') ?? '';

  it('is nginx’s syntax, and what is not would be noticed', () => {
    const text = read('deploy/nginx.conf');
    expect(nginx.map(({ name }) => name)).toEqual([
      'worker_processes',
      'worker_rlimit_nofile',
      'events',
      'http',
    ]);
    for (const faulty of [
      text.replace(/}\s*$/, ''),
      text.replace('proxy_buffering off;', 'proxy_buffering off }'),
    ]) {
      expect(() => parseNginx(faulty)).toThrow('No end of');
    }
  });

  it('passes to the port of the processes, by upstreams that there are', () => {
    const upstreams = all('upstream');
    for (const server of all('server', upstreams))
      expect(server.args.slice(0, 2)).toEqual(['api:3000', 'resolve']);
    const names = upstreams.map(({ args }) => args[0]);
    const chosen = all('map')
      .filter(({ args }) => ['$processes', '$socketio'].includes(args[1] ?? ''))
      .flatMap(({ block = [] }) => block.map(({ args }) => args[0]));
    expect([...new Set(chosen)].sort()).toEqual([...names].sort());
    expect(all('proxy_pass').map(({ args }) => args[0])).toEqual(['http://$socketio', 'http://$processes']);
  });

  it('listens where the compose file publishes it', () => {
    expect(compose.services['balancer']?.ports).toEqual([`${one('listen')}:${one('listen')}`]);
  });

  it('has room for event clients, two connections each', () => {
    expect(Number(one('worker_connections'))).toBeGreaterThanOrEqual(16_000);
    expect(Number(one('worker_rlimit_nofile'))).toBeGreaterThan(2 * Number(one('worker_connections')));
    expect(one('worker_processes')).toBe('auto');
  });

  it('sends nothing twice that may have been carried out, keeps connections for reads only, and hides /metrics', () => {
    expect(one('proxy_next_upstream')).toBe('error timeout');
    const kept = all('upstream').filter(({ block = [] }) => all('keepalive', block).length > 0);
    expect(kept.map(({ args }) => args[0])).toEqual(['reads']);
    const metrics = all('location').find(({ args }) => args[0] === '/metrics');
    expect(metrics?.block).toEqual([{ name: 'return', args: ['404'] }]);
  });
});

describe('deploy/kubernetes', () => {
  const documents = parseAllDocuments(read('deploy/kubernetes/platform-manager.yaml'));
  const objects = documents.map((document) => document.toJS() as Readonly<Record<string, unknown>>);
  interface Probe {
    readonly httpGet: { readonly path: string; readonly port: string };
  }
  interface Container {
    readonly image: string;
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
    readonly env: readonly { readonly name: string }[];
    readonly securityContext: Readonly<Record<string, unknown>>;
    readonly startupProbe: Probe;
    readonly livenessProbe: Probe;
    readonly readinessProbe: Probe;
  }
  interface PodSpec {
    readonly securityContext: { readonly runAsNonRoot: boolean };
    readonly containers: readonly Container[];
  }
  const deployment = objects.find(({ kind }) => kind === 'Deployment') as unknown as {
    spec: {
      selector: { matchLabels: Record<string, string> };
      template: { metadata: { labels: Record<string, string> }; spec: PodSpec };
    };
  };
  const pod = deployment.spec.template.spec;
  const [container] = pod.containers as [Container];

  it('is YAML without a fault, each object with a version, a kind and a name', () => {
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
    for (const { apiVersion, kind, metadata } of objects) {
      expect([apiVersion, kind, metadata]).toEqual([
        expect.any(String),
        expect.any(String),
        expect.objectContaining({ name: 'platform-manager' }),
      ]);
    }
  });

  it('selects its own pods, by every object', () => {
    const { labels } = deployment.spec.template.metadata;
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    const [service, budget] = ['Service', 'PodDisruptionBudget'].map(
      (wanted) => objects.find(({ kind }) => kind === wanted) as unknown as { spec: { selector: unknown } },
    );
    expect(service?.spec.selector).toEqual(labels);
    expect(budget?.spec.selector).toEqual({ matchLabels: labels });
  });

  it('runs without rights from a pinned image, with settings that there are', () => {
    expect(container.image).toMatch(PINNED);
    expect(pod.securityContext.runAsNonRoot).toBe(true);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.env.filter(({ name }) => !SETTINGS.includes(name))).toEqual([]);
  });

  it('is asked at routes of the API, at the port that it has by default', () => {
    expect(container.ports).toEqual([{ name: 'http', containerPort: environmentSchema.parse({}).PORT }]);
    for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      expect([httpGet.path in paths, httpGet.port]).toEqual([true, 'http']);
    }
  });
});

it('Prometheus and Grafana are given files that they can read', () => {
  const folders = [
    'deploy/prometheus',
    'deploy/grafana/provisioning/dashboards',
    'deploy/grafana/provisioning/datasources',
  ];
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => `${folder}/${name}`));
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) expect(parseAllDocuments(read(file)).flatMap(({ errors }) => errors)).toEqual([]);
});

describe('the dashboard of Grafana', () => {
  interface Panel {
    readonly title: string;
    readonly description?: string;
    readonly datasource: { readonly uid: string };
    readonly fieldConfig: {
      readonly defaults: {
        readonly unit: string;
        readonly thresholds?: { readonly steps: readonly { readonly value: number | null }[] };
      };
    };
    readonly targets: readonly { readonly expr: string }[];
  }
  const { panels, templating } = JSON.parse(read('deploy/grafana/dashboards/platform-manager.json')) as {
    panels: readonly Panel[];
    templating: { list: readonly { name: string }[] };
  };
  const { groups } = parse(read('deploy/prometheus/alerts.yml')) as {
    groups: readonly { rules: readonly { alert: string; expr: string }[] }[];
  };

  it.each(panels.map((panel) => [panel.title, panel] as const))(
    'says what %s means, and asks the data source and the processes that are chosen',
    (_, { description = '', datasource, targets }) => {
      expect(description).toMatch(/^\S.{20,}\.$/);
      expect(datasource.uid).toBe('${datasource}');
      expect(targets.length).toBeGreaterThan(0);
      for (const { expr } of targets) {
        const metrics = expr.match(/\b(up\b|\w+_\w+\{)/g) ?? [];
        expect(metrics.length).toBeGreaterThan(0);
        expect(expr.match(/instance=~"\$instance"/g)).toHaveLength(metrics.length);
      }
    },
  );

  it('has the variables that its panels use, and no others', () => {
    const used = [...JSON.stringify(panels).matchAll(/\$\{?([a-z]\w*)/g)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual(templating.list.map(({ name }) => name).sort());
  });

  // An alert on a state, not on a number.
  const alerts = groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== 'RedisNotUsed');
  it.each(alerts.map(({ alert, expr }) => [alert, expr] as const))(
    'names the alert %s at a panel that shows where it begins',
    (alert, expr) => {
      const panel = panels.find(({ description = '' }) => description.includes(alert));
      const steps = panel?.fieldConfig.defaults.thresholds?.steps.flatMap(({ value }) => value ?? []);
      const [, operator, limit = ''] = / ([<>]) ([\d.]+)/.exec(expr) ?? [];
      // A count above zero begins at one, a rate at once.
      const first = panel?.fieldConfig.defaults.unit === 'reqps' ? 0.001 : 1;
      expect([alert, steps]).toEqual([alert, [operator === '>' && limit === '0' ? first : Number(limit)]]);
    },
  );
});
