import type { Server } from 'node:http';
import { Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { APP_GUARD, HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { CountingStore } from '../cache/counting-store.js';
import { AppConfig } from '../config/app-config.js';
import { addressKey } from '../http/address-key.js';
import { sendProblem } from '../http/problem.filter.js';
import { limitConnections } from './connection-limit.js';
import { sendVerdict } from './rate-limit-headers.js';
import { RateLimited } from './rate-limit.errors.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import { RateLimiter } from './rate-limiter.js';

/** Health probes and scrapes come often and from one address. They must not be refused. */
const EXEMPT = /^\/(health\/|metrics(\?|$))/;

/** List it after AuthModule: guards run in the order of their modules. */
@Module({
  providers: [
    {
      provide: RateLimiter,
      inject: [CountingStore],
      useFactory: (counts: CountingStore | null) => new RateLimiter(counts),
    },
    { provide: APP_GUARD, useClass: RateLimitGuard },
  ],
  exports: [RateLimiter],
})
export class RateLimitModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly limiter: RateLimiter,
    private readonly config: AppConfig,
  ) {}

  /** Limits by address first: before the body is read or a token is verified, and for unknown paths too. */
  onModuleInit(): void {
    const { rateLimits, trustProxy } = this.config;
    const { enabled, addressPerMinute, connectionsPerAddress } = rateLimits;
    if (!enabled) return;
    this.limiter.start();
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    // All connections come from the proxies where there are any.
    if (trustProxy === false) limitConnections(fastify.server as Server, connectionsPerAddress);
    fastify.addHook('onRequest', (request, reply, done) => {
      if (EXEMPT.test(request.url)) return done();
      const verdict = this.limiter.take('address', addressKey(request.ip), addressPerMinute);
      sendVerdict(verdict, reply);
      if (verdict.admitted) return done();
      sendProblem(new RateLimited(verdict.resetSeconds), request, reply);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.limiter.stop();
  }
}
