import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { ProxyModule } from '../proxy/proxy.module.js';
import { WatchModule } from '../watch/watch.module.js';
import { WebhooksModule } from '../webhooks/webhooks.module.js';
import { MetricsServer } from './metrics-server.js';
import { MetricsToken } from './metrics-token.js';
import { MetricsController } from './metrics.controller.js';
import { MetricsService } from './metrics.service.js';

@Module({
  imports: [ProxyModule, WatchModule, WebhooksModule],
  controllers: [MetricsController],
  providers: [MetricsService, MetricsToken, MetricsServer],
})
export class MetricsModule implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly metrics: MetricsService,
  ) {}

  onModuleInit(): void {
    // Operator commands run without an HTTP server.
    const fastify = this.host.httpAdapter?.getInstance<FastifyInstance>();
    if (fastify === undefined) return;
    const { httpDurations } = this.metrics;
    fastify.addHook('onResponse', (request, reply, done) => {
      // The client decides how long an event stream lasts, so its duration says nothing about this process.
      if (String(reply.getHeader('content-type')).startsWith('text/event-stream')) return done();
      // The route template, not the path: paths contain ids, and a scanner can invent any number of them.
      const route = request.routeOptions.url ?? 'unmatched';
      httpDurations.observe(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
      done();
    });
  }
}
