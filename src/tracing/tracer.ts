import { context, propagation } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

const EXPORT_TIMEOUT_MS = 2000;

/**
 * Sends spans to an OpenTelemetry collector, as OTLP over HTTP in JSON.
 *
 * @param endpoint base URL; `/v1/traces` is appended (OpenTelemetry Protocol Exporter, OTEL_EXPORTER_OTLP_ENDPOINT).
 * @param ratio share of the traces started here that is recorded. A trace started by the client is recorded if the client
 *   records it.
 */
export function startTracerProvider(endpoint: string, ratio: number): TracerProvider {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'platform-manager' }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [
      // The queue is bounded: without a collector, spans are dropped and memory stays bounded.
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({
          url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
          timeoutMillis: EXPORT_TIMEOUT_MS,
        }),
      }),
    ],
  });
}
