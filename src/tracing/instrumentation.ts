import type { IncomingMessage } from 'node:http';
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  context,
  propagation,
  trace,
} from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { CacheService } from '../cache/cache.service.js';
import type { LeaseStore } from '../cache/lease-store.js';
import type { Database } from '../database/database.js';
import type { InstanceTransport } from '../instances/instance-transport.js';

type Method = (...args: never[]) => Promise<unknown>;
type MethodsOf<T> = { [K in keyof T]: T[K] extends Method ? K : never }[keyof T];

/** Wraps a method of this one object in a span. Records only the class of an error: its text may contain request data. */
function wrap<T extends object, K extends MethodsOf<T> & string>(
  tracer: Tracer,
  target: T,
  method: K,
  name: string,
  attributes: Attributes,
  onResult: (span: Span, result: unknown) => void = () => undefined,
): void {
  const original = (target[method] as Method).bind(target);
  const traced = (...args: never[]): Promise<unknown> =>
    tracer.startActiveSpan(name, { kind: SpanKind.CLIENT, attributes }, async (span) => {
      try {
        const result = await original(...args);
        onResult(span, result);
        return result;
      } catch (error) {
        const type = error instanceof Error ? error.name : typeof error;
        span.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    });
  Object.defineProperty(target, method, { value: traced, configurable: true });
}

interface ReadOutcome {
  readonly resource: string;
  readonly outcome: string;
  readonly detail: string | null;
}

/** One span per cached read, with its outcome. Spans contain no keys or ids. */
export function traceCache(tracer: Tracer, cache: CacheService, store: LeaseStore, system: string): void {
  const describe = (span: Span, result: unknown): void => {
    const { resource, outcome, detail } = result as ReadOutcome;
    span.setAttributes({ 'cache.resource': resource, 'cache.outcome': outcome });
    if (detail !== null) span.setAttribute('cache.detail', detail);
  };
  wrap(tracer, cache, 'read', 'cache read', {}, describe);
  wrap(tracer, cache, 'bypass', 'cache bypass', {}, describe);
  for (const operation of ['get', 'acquire', 'acquireRefresh', 'store', 'release', 'drop'] as const) {
    wrap(tracer, store, operation, `${system} ${operation}`, {
      'db.system.name': system,
      'db.operation.name': operation,
    });
  }
}

/** The span includes the wait at the admission gate and for a connection. */
export function traceDatabase(tracer: Tracer, database: Database): void {
  for (const operation of ['load', 'transaction'] as const) {
    wrap(tracer, database, operation, `postgresql ${operation}`, {
      'db.system.name': 'postgresql',
      'db.operation.name': operation,
    });
  }
}

/** Until the headers of the answer. It does not say which instance. */
export function traceInstances(tracer: Tracer, transport: InstanceTransport): void {
  wrap(tracer, transport, 'send', 'instance request', {}, (span, incoming) => {
    span.setAttribute('http.response.status_code', (incoming as IncomingMessage).statusCode ?? 0);
  });
}

/** One span per request, named by route template. Its parent is the client's span if the request has a `traceparent` (W3C Trace Context). */
export function traceHttp(tracer: Tracer, fastify: FastifyInstance): void {
  const spans = new WeakMap<FastifyRequest, Span>();
  fastify.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched';
    const parent = propagation.extract(ROOT_CONTEXT, request.headers);
    const attributes = { 'http.request.method': request.method, 'http.route': route };
    const span = tracer.startSpan(
      `${request.method} ${route}`,
      { kind: SpanKind.SERVER, attributes },
      parent,
    );
    spans.set(request, span);
    context.with(trace.setSpan(parent, span), done);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request);
    span?.setAttribute('http.response.status_code', reply.statusCode);
    if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
    done();
  });
}
