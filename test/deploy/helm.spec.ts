import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { environmentSchema } from '../../src/config/environment.js';
import { SECRET_SETTINGS } from '../../src/config/secret-files.js';
import { helm, helmBinary } from '../support/helm.js';
import {
  type KubernetesObject,
  readManifests,
  schemaProblems,
  unknownFields,
} from '../support/kubernetes.js';

const CHART = 'deploy/helm';
const DIGEST = `sha256:${'a1'.repeat(32)}`;
const MINIMAL = { existingSecret: 'secrets', config: { PUBLIC_URL: 'https://platforms.example.org' } };
const EVERYTHING = {
  existingSecret: 'secrets',
  config: {
    PUBLIC_URL: 'https://platforms.example.org',
    TRUST_PROXY: 2,
    REFRESH_TOKEN_TTL_SECONDS: 2_592_000,
    WATCH_ENABLED: false,
    CORS_ORIGINS: 'https://app.example.org,https://b.example.org',
  },
  extraEnvFrom: [{ configMapRef: { name: 'more' } }],
  extraVolumes: [{ name: 'ca', secret: { secretName: 'database-ca' } }],
  extraVolumeMounts: [{ name: 'ca', mountPath: '/etc/database', readOnly: true }],
  image: { repository: 'registry.example.org/platform-manager', digest: DIGEST, pullPolicy: 'Always' },
  imagePullSecrets: [{ name: 'registry' }],
  autoscaling: { enabled: true, minReplicas: 2, maxReplicas: 20 },
  service: { type: 'LoadBalancer', port: 8080, annotations: { example: 'yes' } },
  metrics: {
    port: 9464,
    serviceMonitor: { enabled: true, interval: '30s', labels: { release: 'prometheus' }, withToken: true },
  },
  ingress: {
    enabled: true,
    className: 'nginx',
    annotations: { 'nginx.ingress.kubernetes.io/proxy-buffering': 'off' },
    tlsSecret: 'certificate',
  },
  networkPolicy: {
    enabled: true,
    from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } } }],
    metricsFrom: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
    egress: [
      { to: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports: [{ port: 5432 }, { port: 6379 }] },
      { ports: [{ port: 53, protocol: 'UDP' }, { port: 443 }] },
    ],
  },
  podDisruptionBudget: { enabled: true, maxUnavailable: '25%' },
  podSecurityContext: { runAsUser: 54_321, fsGroup: 54_321 },
  podLabels: { team: 'a' },
  podAnnotations: { note: 'b' },
  nodeSelector: { 'kubernetes.io/arch': 'amd64' },
  tolerations: [{ key: 'only', operator: 'Equal', value: 'api', effect: 'NoSchedule' }],
  affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  priorityClassName: 'high',
};
const NOTHING = {
  ...MINIMAL,
  migration: { enabled: false },
  podDisruptionBudget: { enabled: false },
  replicaCount: 1,
};

interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly envFrom: unknown;
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext: unknown;
}
interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: unknown;
  readonly containers: readonly [Container];
}

describe('deploy/helm', () => {
  // Below the project, so that TypeScript finds the schemas.
  mkdirSync('node_modules/.cache', { recursive: true });
  const folder = mkdtempSync('node_modules/.cache/helm-spec-');
  beforeAll(() => void helmBinary(), 180_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  const template = (values: object, name = 'release') => {
    const file = join(folder, `${name}.yaml`);
    // JSON is YAML, whose numbers Helm reads as floats.
    writeFileSync(file, JSON.stringify(values));
    return helm(['template', name, CHART, '--namespace', 'here', '--values', file], folder);
  };
  const render = async (values: object, name?: string): Promise<KubernetesObject[]> => {
    const { code, stdout, stderr } = await template(values, name);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return readManifests(stdout);
  };
  const podOf = (object: KubernetesObject | undefined): PodSpec =>
    (object?.spec as { template: { spec: PodSpec } }).template.spec;
  const settingsOf = (pod: PodSpec): Record<string, string> =>
    Object.fromEntries(pod.containers[0].env.map(({ name, value }) => [name, value]));

  it('has no fault that `helm lint --strict` finds', async () => {
    expect(await helm(['lint', '--strict', CHART], folder)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 chart(s) linted, 0 chart(s) failed'),
    });
  });

  it('has the version of the application', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const chart = parse(readFileSync(`${CHART}/Chart.yaml`, 'utf8')) as { appVersion: string };
    expect(chart.appVersion).toBe(version);
  });

  it.each([
    ['the least', MINIMAL, ['Deployment', 'Job', 'PodDisruptionBudget', 'Service', 'Service']],
    [
      'everything',
      EVERYTHING,
      [
        'Deployment',
        'HorizontalPodAutoscaler',
        'Ingress',
        'Job',
        'NetworkPolicy',
        'PodDisruptionBudget',
        'Service',
        'Service',
        'ServiceMonitor',
      ],
    ],
    ['what can be left out', NOTHING, ['Deployment', 'Service', 'Service']],
  ])('with %s renders objects that the schemas of Kubernetes accept', async (_, values, kinds) => {
    const objects = await render(values);
    expect(objects.map(({ kind }) => kind).sort()).toEqual(kinds);
    expect(new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).size).toBe(kinds.length);
    expect(schemaProblems(objects)).toEqual([]);
    expect(unknownFields(objects, folder)).toEqual([]);
  });

  it('would show a field that Kubernetes lacks, and a value that it refuses', async () => {
    const { code, stdout } = await template({
      ...MINIMAL,
      podSecurityContext: { runAsNonRott: true },
      resources: { limits: { memory: [] } },
    });
    expect(code).toBe(0);
    const objects = readManifests(stdout);
    expect(unknownFields(objects, folder).join()).toMatch(/runAsNonRott/);
    expect(schemaProblems(objects).join()).toMatch(/Deployment release-platform-manager: .*memory/);
  });

  it('gives the pod and the migration the same image, Secret, user and settings that there are', async () => {
    const objects = await render(EVERYTHING);
    const [api, migration] = ['Deployment', 'Job'].map((kind) =>
      podOf(objects.find((object) => object.kind === kind)),
    ) as [PodSpec, PodSpec];
    const [{ ports, ...container }] = api.containers;
    expect(migration.containers[0]).toMatchObject({ image: container.image, env: container.env });
    expect(container.image).toBe(`registry.example.org/platform-manager@${DIGEST}`);
    expect(container.envFrom).toEqual([
      { secretRef: { name: 'secrets' } },
      { configMapRef: { name: 'more' } },
    ]);
    expect(migration.containers[0].envFrom).toEqual(container.envFrom);
    expect(settingsOf(api)).toEqual({
      NODE_ENV: 'production',
      PORT: '3000',
      METRICS_PORT: '9464',
      ...Object.fromEntries(Object.entries(EVERYTHING.config).map(([name, value]) => [name, String(value)])),
    });
    const names = Object.keys(settingsOf(api));
    expect(names.filter((name) => !(name in environmentSchema.shape))).toEqual([]);
    expect(environmentSchema.safeParse(settingsOf(api)).error).toBeUndefined();
    expect(ports).toEqual([
      { name: 'http', containerPort: 3000 },
      { name: 'metrics', containerPort: 9464 },
    ]);
    expect(migration.containers[0].command).toEqual(['node', 'dist/cli/main.js', 'migrate']);
  });

  it('runs without rights, as any user, with a root that cannot be written', async () => {
    const own = await render(MINIMAL);
    for (const kind of ['Deployment', 'Job']) {
      const pod = podOf(own.find((object) => object.kind === kind));
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(pod.containers[0].securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
    const given = podOf((await render(EVERYTHING)).find(({ kind }) => kind === 'Deployment'));
    expect(given.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 54_321 });
  });

  it('selects its own pods only, not those of a migration or of another release', async () => {
    const objects = await render(EVERYTHING);
    const labels = (kind: string): unknown =>
      (
        objects.find((object) => object.kind === kind)?.spec as {
          template: { metadata: { labels: Record<string, string> } };
        }
      ).template.metadata.labels;
    const selector = {
      'app.kubernetes.io/name': 'platform-manager',
      'app.kubernetes.io/instance': 'release',
      'app.kubernetes.io/component': 'api',
    };
    const selectors = objects.flatMap(({ kind, spec }) => {
      const { selector: own, podSelector } = spec as { selector?: object; podSelector?: object };
      return kind === 'ServiceMonitor' ? [] : [own ?? podSelector ?? []].flat();
    });
    expect(selectors).toHaveLength(5);
    for (const one of selectors) expect([selector, { matchLabels: selector }]).toContainEqual(one);
    expect(labels('Deployment')).toEqual({ ...selector, team: 'a' });
    expect(labels('Job')).not.toMatchObject(selector);
  });

  it('migrates before an installation or upgrade, and not before a rollback', async () => {
    const job = (await render(MINIMAL)).find(({ kind }) => kind === 'Job');
    expect(job?.metadata.annotations?.['helm.sh/hook']).toBe('pre-install,pre-upgrade');
    expect(job?.spec).toMatchObject({ backoffLimit: 0, template: { spec: { restartPolicy: 'Never' } } });
  });

  it('monitors under the name of the job that the alerts ask for', async () => {
    const objects = await render(EVERYTHING);
    expect(objects.find(({ kind }) => kind === 'ServiceMonitor')?.spec).toEqual({
      jobLabel: 'app.kubernetes.io/name',
      selector: {
        matchLabels: {
          'app.kubernetes.io/name': 'platform-manager',
          'app.kubernetes.io/instance': 'release',
          'app.kubernetes.io/component': 'metrics',
        },
      },
      endpoints: [
        {
          port: 'metrics',
          interval: '30s',
          authorization: { credentials: { name: 'secrets', key: 'METRICS_TOKEN' } },
        },
      ],
    });
    expect(readFileSync('deploy/prometheus/alerts.yml', 'utf8')).toContain('job="platform-manager"');
  });

  it.each([
    ['no Secret', { ...MINIMAL, existingSecret: '' }, 'existingSecret is required'],
    ['no PUBLIC_URL', { existingSecret: 'secrets' }, 'config.PUBLIC_URL is required'],
    ['a value of no name', { ...MINIMAL, replicas: 3 }, "additional properties 'replicas' not allowed"],
    ['a count that is none', { ...MINIMAL, replicaCount: 'many' }, 'got string, want integer'],
    ['a digest that is none', { ...MINIMAL, image: { digest: 'sha256:1' } }, 'does not match pattern'],
    ...[...SECRET_SETTINGS, 'PORT', 'METRICS_PORT', 'NODE_ENV'].map(
      (name) =>
        [
          `${name} in config`,
          { ...MINIMAL, config: { ...MINIMAL.config, [name]: 'x' } },
          `invalid propertyName '${name}'`,
        ] as const,
    ),
  ])('with %s refuses, and says why', async (_, values, why) => {
    const { code, stdout, stderr } = await template(values);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(why);
  });
});

it('deploy/kubernetes is what the schemas of Kubernetes accept', () => {
  const folder = mkdtempSync('node_modules/.cache/kubernetes-spec-');
  try {
    const objects = readManifests(readFileSync('deploy/kubernetes/platform-manager.yaml', 'utf8'));
    expect(objects).toHaveLength(3);
    expect(schemaProblems(objects)).toEqual([]);
    expect(unknownFields(objects, folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
