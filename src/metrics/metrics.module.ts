import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { WatchModule } from '../watch/watch.module.js';
import { MetricsController } from './metrics.controller.js';
import { MetricsService } from './metrics.service.js';

@Module({ imports: [WatchModule], controllers: [MetricsController], providers: [MetricsService] })
export class MetricsModule implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly metrics: MetricsService,
  ) {}

  onModuleInit(): void {
    // The operator commands run without an HTTP server.
    const fastify = this.host.httpAdapter?.getInstance<FastifyInstance>();
    if (fastify === undefined) return;
    const { httpDurations } = this.metrics;
    fastify.addHook('onResponse', (request, reply, done) => {
      // A stream of events lasts as long as the client likes.
      if (String(reply.getHeader('content-type')).startsWith('text/event-stream')) return done();
      // The template, not the path: a path holds ids, and a scanner can invent as many as it likes.
      const route = request.routeOptions.url ?? 'unmatched';
      httpDurations.observe(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
      done();
    });
  }
}
