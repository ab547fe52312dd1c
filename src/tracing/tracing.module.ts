import { Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { TracerProvider } from '@opentelemetry/sdk-trace';
import type { FastifyInstance } from 'fastify';
import { CacheService } from '../cache/cache.service.js';
import { LeaseStore } from '../cache/lease-store.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import { InstanceTransport } from '../instances/instance-transport.js';
import { InstancesModule } from '../instances/instances.module.js';

/**
 * OpenTelemetry spans for HTTP, the cache, Redis and the database. Off by default: then nothing is loaded or wrapped, so
 * it costs nothing.
 */
@Module({ imports: [InstancesModule] })
export class TracingModule implements OnModuleInit, OnApplicationShutdown {
  #provider: TracerProvider | null = null;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly cache: CacheService,
    private readonly store: LeaseStore,
    private readonly database: Database,
    private readonly transport: InstanceTransport,
    private readonly config: AppConfig,
  ) {}

  async onModuleInit(): Promise<void> {
    const fastify = this.host.httpAdapter?.getInstance<FastifyInstance>();
    const { tracing, redis } = this.config;
    if (tracing === null || fastify === undefined) return;
    const [{ startTracerProvider }, { traceCache, traceDatabase, traceHttp, traceInstances }] =
      await Promise.all([import('./tracer.js'), import('./instrumentation.js')]);
    this.#provider = startTracerProvider(tracing.endpoint, tracing.ratio);
    const tracer = this.#provider.getTracer('platform-manager');
    traceHttp(tracer, fastify);
    traceCache(tracer, this.cache, this.store, redis === null ? 'memory' : 'redis');
    traceDatabase(tracer, this.database);
    traceInstances(tracer, this.transport);
  }

  /** Sends the remaining spans. */
  async onApplicationShutdown(): Promise<void> {
    await this.#provider?.shutdown();
  }
}
