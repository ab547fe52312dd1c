import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CacheService } from '../../../src/cache/cache.service.js';
import { startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { expectCleanRecord } from '../../support/clean-record.js';
import { createPlatform, type Person, register } from '../../support/factories.js';
import { HttpClient } from '../../support/http-client.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';
import { type Span, TraceCollector } from '../../support/trace-collector.js';

const attribute = (span: Span | undefined, key: string): unknown =>
  Object.values(span?.attributes.find((one) => one.key === key)?.value ?? {})[0];

describe('tracing', () => {
  const collector = new TraceCollector();
  let backends: Backends;
  let api: ApiProcess;
  let client: HttpClient;
  let ada: Person;
  let id: number;
  let traces = 0;

  beforeAll(async () => {
    backends = await Backends.create();
    const endpoint = await collector.start();
    api = await startApi({ env: { ...backends.env(), OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/` } });
    backends.logs.push(() => api.output);
    client = new HttpClient(api.baseUrl, backends.exchanges, backends.secrets);
    ada = await register(client, backends.secrets);
    id = (await createPlatform(ada, backends.secrets)).id;
    await backends.settled();
  }, 120_000);
  afterAll(async () => {
    await expectCleanRecord({ backends, client });
    await api.kill();
    collector.stop();
    await backends.remove();
  }, 120_000);

  /** Whether a request reads its session from the cache depends on how long ago the process last did. */
  function withoutSession(spans: readonly Span[]): Span[] {
    const ofSession = spans.find((span) => attribute(span, 'cache.resource') === 'session')?.spanId;
    return spans.filter(({ spanId, parentSpanId }) => ![spanId, parentSpanId].includes(ofSession ?? 'none'));
  }

  /** Sends a request under a trace of the caller's, and returns the spans that belong to it. */
  async function traced(path: string, expected: number): Promise<Span[]> {
    const traceId = (++traces).toString(16).padStart(32, 'a');
    await ada.client.get(path, { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` });
    const spans = () => withoutSession(collector.of(traceId));
    await waitUntil(() => spans().length >= expected, {
      timeoutMs: 15_000,
      what: `${expected} spans of ${path}`,
      intervalMs: 50,
    });
    return spans();
  }

  it('shows a miss from the request down to Redis and the database, below the span of the caller', async () => {
    const spans = await traced(`/v1/platforms/${id}`, 6);
    const http = spans.find(({ name }) => name === 'GET /v1/platforms/:id');
    expect(http?.parentSpanId).toBe('b'.repeat(16));
    expect(attribute(http, 'http.response.status_code')).toBe(200);
    const read = spans.find(({ name }) => name === 'cache read');
    expect(read?.parentSpanId).toBe(http?.spanId);
    expect(attribute(read, 'cache.resource')).toBe('platform');
    expect(attribute(read, 'cache.outcome')).toBe('miss');
    const below = spans.filter(({ parentSpanId }) => parentSpanId === read?.spanId).map(({ name }) => name);
    expect(below.sort()).toEqual(['postgresql load', 'redis acquire', 'redis get', 'redis store']);
  });

  it('shows that a hit asks no database', async () => {
    await ada.client.get('/v1/platforms');
    const spans = await traced('/v1/platforms', 3);
    expect(spans.map(({ name }) => name).sort()).toEqual(['GET /v1/platforms', 'cache read', 'redis get']);
    expect(
      attribute(
        spans.find(({ name }) => name === 'cache read'),
        'cache.outcome',
      ),
    ).toBe('hit');
  });

  it('holds no id, no token and no other secret', () => {
    const sent = collector.bodies.join('\n');
    expect(backends.secrets.foundIn(sent)).toEqual([]);
    expect(sent).not.toContain(`/v1/platforms/${id}`);
    expect(sent).not.toContain(`platform:${id}`);
  });

  it('is not there at all when it is off', async () => {
    const app = await startTestApp();
    try {
      expect(Object.hasOwn(app.app.get(CacheService), 'read')).toBe(false);
    } finally {
      await app.close();
    }
  });
});
