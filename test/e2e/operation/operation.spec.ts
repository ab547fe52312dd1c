import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { asyncApi } from '../../support/asyncapi.js';
import { waitUntil } from '../../support/barrier.js';
import { createPlatform, type Person, register } from '../../support/factories.js';
import { collectGarbage } from '../../support/garbage.js';
import { type OpenApiDoc, readOpenApi, type SchemaDoc } from '../../support/openapi.js';
import { StatementCounter } from '../../support/statements.js';

let app: TestApp;
let ada: Person;

beforeAll(async () => {
  app = await startTestApp();
  ada = await register(app.client, app.backends.secrets);
});
afterAll(() => app.close());

describe('health', () => {
  it('is public and says that everything is up', async () => {
    const live = await app.client.get('/health/live');
    expect([live.status, live.json()]).toEqual([200, { status: 'ok' }]);
    const ready = await app.client.get('/health/ready');
    expect([ready.status, ready.json()]).toEqual([200, { status: 'ok', database: 'up', cache: 'up' }]);
  });

  it('asks the database once a second at the most, however many ask', async () => {
    const statements = await StatementCounter.install(app.backends);
    const pings = () => statements.calls('^SELECT \\$1$');
    const isAsked = async (): Promise<boolean> => {
      await app.client.get('/health/ready');
      return (await pings()) > 0;
    };
    await waitUntil(isAsked, { timeoutMs: 10_000, what: 'the database to be asked' });
    await statements.reset();
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: 100 }, () => app.client.get('/health/ready')));
    const seconds = (performance.now() - started) / 1000;
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(await pings()).toBeLessThanOrEqual(1 + Math.ceil(seconds));
  });
});

describe('an application that has closed', () => {
  const closed = async (): Promise<WeakRef<object>> => {
    const other = await startTestApp({ backends: app.backends });
    expect((await other.client.get('/metrics')).status).toBe(200);
    await other.close();
    return new WeakRef(other.app);
  };

  it('leaves nothing behind that keeps it in memory, and what measures the process goes on', async () => {
    const application = await closed();
    const isGone = (): boolean => {
      collectGarbage();
      return application.deref() === undefined;
    };
    await waitUntil(isGone, { timeoutMs: 30_000, what: 'it to be collected', intervalMs: 200 });
    expect((await app.client.get('/metrics')).text).toMatch(/^nodejs_eventloop_lag_mean_seconds \d/m);
  });
});

describe('X-Request-Id', () => {
  it("is ours in every answer; a harmless one of the caller's is in the log beside it, another one is not", async () => {
    const ids = [];
    for (const given of ['trace-1.2:3', 'a"} {"level":"fatal']) {
      const answer = await app.client.get('/health/live', { 'X-Request-Id': given });
      expect(answer.header('x-request-id')).toMatch(/^[\w-]{36}$/);
      ids.push(answer.header('x-request-id'));
    }
    const logged = ids.map((id) => app.logLines.find((line) => line.includes(`"reqId":"${id}"`)));
    expect(logged).toEqual([
      expect.stringContaining('"clientReqId":"trace-1.2:3"'),
      expect.not.stringContaining('fatal'),
    ]);
  });
});

describe('GET /metrics', () => {
  const read = async (name: string, labels = ''): Promise<number> => {
    const line = (await metrics()).find((one) => one.startsWith(`${name}${labels} `));
    return Number(line?.split(' ').at(-1) ?? 0);
  };
  const metrics = async (): Promise<string[]> => (await app.client.get('/metrics')).text.split('\n');

  it('counts cached reads by resource and outcome, and times them', async () => {
    const { id } = await createPlatform(ada, app.backends.secrets);
    await app.backends.settled();
    for (const [resource, path] of [
      ['user_platforms', '/v1/platforms'],
      ['platform', `/v1/platforms/${id}`],
      ['platform_stats', `/v1/platforms/${id}/stats`],
    ] as const) {
      const of = (outcome: string) => `{resource="${resource}",outcome="${outcome}"}`;
      const before = [
        await read('platform_cache_requests_total', of('miss')),
        await read('platform_cache_requests_total', of('hit')),
        await read('platform_cache_duration_seconds_count', of('hit')),
      ];
      for (let time = 0; time < 3; time++) await ada.client.get(path);
      const after = [
        await read('platform_cache_requests_total', of('miss')),
        await read('platform_cache_requests_total', of('hit')),
        await read('platform_cache_duration_seconds_count', of('hit')),
      ];
      expect([resource, ...after.map((value, index) => value - (before[index] ?? 0))]).toEqual([
        resource,
        1,
        2,
        2,
      ]);
    }
  });

  it('counts what was passed by and what was corrupt', async () => {
    const of = (outcome: string) => `{resource="user_platforms",outcome="${outcome}"}`;
    const before = await read('platform_cache_requests_total', of('bypass'));
    await ada.client.get('/v1/platforms?includeInactive=true');
    expect(await read('platform_cache_requests_total', of('bypass'))).toBe(before + 1);
    await app.backends.redis.set(`user_platforms:${ada.id}`, '{', { EX: 60 });
    await ada.client.get('/v1/platforms');
    expect(await read('platform_cache_requests_total', of('corrupt'))).toBeGreaterThan(0);
  });

  it('has the figures of the pool and the process, in the Prometheus text format', async () => {
    const answer = await app.client.get('/metrics');
    expect(answer.header('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    for (const name of [
      'database_pool_connections{state="idle"}',
      'database_pool_connections{state="used"}',
      'database_pool_connections{state="waiting"}',
      'database_admission_running{kind="load"} 0',
      'database_admission_waiting{kind="transaction"} 0',
      'database_admission_rejected_total',
      'http_request_duration_seconds_bucket',
      'process_cpu_seconds_total',
    ]) {
      expect(answer.text).toContain(name);
    }
  });

  it('has no key, id, address or path of a request in any label', async () => {
    await ada.client.get('/v1/platforms/123456789');
    await app.client.get('/nowhere/987654321');
    const samples = (await metrics()).filter((line) => line !== '' && !line.startsWith('#'));
    const values = samples.flatMap((line) => [...line.matchAll(/(\w+)="([^"]*)"/g)]);
    expect(values.length).toBeGreaterThan(50);
    const bounded = /^([A-Za-z_-]+|v?[\d.e+-]+|\+Inf|[A-Z]+|(\/[a-z0-9-]+(\/:?[a-z-]+)*))$/;
    const free = values.filter(([, name, value = '']) => name !== 'le' && !bounded.test(value));
    expect(free.map(([pair]) => pair)).toEqual([]);
    expect(samples.join('\n')).not.toMatch(/123456789|987654321|example\.org/);
  });
});

it('GET /asyncapi.json is the document of the events, open to all', async () => {
  const answer = await app.client.get('/asyncapi.json');
  expect([answer.status, answer.header('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  expect(answer.json()).toEqual(asyncApi);
});

describe('Swagger', () => {
  let document: OpenApiDoc;
  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path}`,
        operation,
      })),
    );

  beforeAll(async () => {
    document = await readOpenApi(app);
  });

  it('has its user interface at /docs', async () => {
    const page = await app.client.get('/docs');
    expect([page.status, page.header('content-type')]).toEqual([200, 'text/html']);
    expect(page.text).toContain('swagger-ui');
    expect((await app.client.get('/docs/swagger-ui-init.js')).text).toContain('/v1/platforms/{id}');
  });

  it('knows every route of this issue', () => {
    const names = operations().map(({ name }) => name);
    for (const name of [
      'POST /v1/auth/register',
      'POST /v1/auth/login',
      'POST /v1/auth/refresh',
      'POST /v1/auth/logout',
      'GET /v1/me',
      'GET /v1/platforms',
      'POST /v1/platforms',
      'GET /v1/platforms/default',
      'GET /v1/platforms/{id}',
      'PATCH /v1/platforms/{id}',
      'DELETE /v1/platforms/{id}',
      'PUT /v1/platforms/{id}/default',
      'GET /v1/platforms/{id}/stats',
      'GET /v1/platforms/default/stats',
      'POST /v1/platforms/{id}/activities',
      'POST /v1/platforms/cache/refresh',
      'DELETE /v1/platforms/cache',
      'GET /health/live',
      'GET /health/ready',
      'GET /metrics',
    ]) {
      expect(names).toContain(name);
    }
  });

  it('has for every route a summary, and for every error a problem with an example', () => {
    const faults = operations().flatMap(({ name, operation: { summary, responses } }) => {
      const errors = Object.entries(responses).filter(([status]) => Number(status) >= 400);
      const bare = errors.filter(([status, { content }]) => {
        const problem = content?.['application/problem+json'];
        const example = problem?.example as { status?: number; code?: string } | undefined;
        return example?.status !== Number(status) || !example.code;
      });
      // Ready answers 503 with its own body: what is up and what is down.
      const missing =
        name === 'GET /health/ready' ? [] : bare.map(([status]) => `${name}: ${status} has no example`);
      return summary ? missing : [...missing, `${name} has no summary`];
    });
    expect(faults).toEqual([]);
  });

  it('says who may call, and how that fails: 401 on every closed route and on no other but signing in and out and the metrics', () => {
    const open = operations().filter(({ operation }) => operation.security?.length === 0);
    expect(open.map(({ name }) => name).sort()).toEqual([
      'GET /asyncapi.json',
      'GET /health/live',
      'GET /health/ready',
      'GET /metrics',
      'GET /problems',
      'GET /problems/{code}',
      'GET /v1/connect/bluesky/client-metadata.json',
      'GET /v1/connect/bluesky/jwks.json',
      'GET /v1/connect/callback/{key}',
      'POST /v1/auth/change-email',
      'POST /v1/auth/login',
      'POST /v1/auth/logout',
      'POST /v1/auth/passkey',
      'POST /v1/auth/passkey/options',
      'POST /v1/auth/password-reset',
      'POST /v1/auth/refresh',
      'POST /v1/auth/register',
      'POST /v1/auth/verify-email',
      'POST /v1/connect/guest',
      'POST /v1/connect/guest/begin',
      'POST /v1/connect/guest/finish',
      'POST /v1/connect/guest/lookup',
      'PUT /v1/auth/password-reset',
    ]);
    for (const { name, operation } of operations()) {
      const closed = operation.security?.length !== 0 || /log(in|out)$|refresh$|metrics$/.test(name);
      expect([name, '401' in operation.responses]).toEqual([name, closed]);
    }
  });

  it('has a realistic example, or a set of values, for every field of every schema', () => {
    const bare = Object.entries(document.components.schemas).flatMap(([schema, { properties = {} }]) =>
      Object.entries(properties)
        .filter(([, property]) => !hasExample(property))
        .map(([name]) => `${schema}.${name}`),
    );
    expect(bare).toEqual([]);
  });
});

function hasExample(property: SchemaDoc & { anyOf?: readonly SchemaDoc[] }): boolean {
  const refers =
    property.$ref !== undefined ||
    property.items?.$ref !== undefined ||
    property.anyOf?.[0]?.$ref !== undefined;
  return refers || property.example !== undefined || property.enum !== undefined;
}
