import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { CredentialsModule } from '../credentials/credentials.module.js';
import { InstancesModule } from '../instances/instances.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { RateLimitModule } from '../rate-limit/rate-limit.module.js';
import { WatchModule } from '../watch/watch.module.js';
import { AnswerRelay } from './answer-relay.js';
import { InstanceCourtesy } from './instance-courtesy.js';
import { ProxyAudit } from './proxy-audit.js';
import { ProxyMeter } from './proxy-meter.js';
import { ProxyPolicy } from './proxy-policy.js';
import { PROXY_STATUS, failedBy } from './proxy-status.js';
import { ProxyController } from './proxy.controller.js';
import { ProxyService } from './proxy.service.js';
import { RefusedToken } from './refused-token.js';

const ROUTE = /^\/v1\/platforms\/:id\/proxy\//;

@Module({
  imports: [CredentialsModule, InstancesModule, PlatformsModule, RateLimitModule, WatchModule],
  controllers: [ProxyController],
  providers: [AnswerRelay, InstanceCourtesy, ProxyAudit, ProxyMeter, ProxyPolicy, ProxyService, RefusedToken],
  exports: [ProxyMeter],
})
export class ProxyModule implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost) {}

  /** Until somebody knows better: also what a guard refuses is no answer of the instance. */
  onModuleInit(): void {
    // Operator commands run without an HTTP server.
    const fastify = this.host.httpAdapter?.getInstance<FastifyInstance>();
    fastify?.addHook('onRequest', (request, reply, done) => {
      if (ROUTE.test(request.routeOptions.url ?? ''))
        reply.header(PROXY_STATUS, failedBy('http_request_denied'));
      done();
    });
  }
}
