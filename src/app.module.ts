import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR } from '@nestjs/core';
import { AccountModule } from './account/account.module.js';
import { AdminModule } from './admin/admin.module.js';
import { AuditOriginInterceptor } from './audit/audit-origin.interceptor.js';
import { AuditModule } from './audit/audit.module.js';
import { AuthModule } from './auth/auth.module.js';
import { AvatarsModule } from './avatars/avatars.module.js';
import { CacheStatusInterceptor } from './cache/cache-status.interceptor.js';
import { CacheModule } from './cache/cache.module.js';
import { CommonModule } from './common/common.module.js';
import type { AppConfig } from './config/app-config.js';
import { ConfigModule } from './config/config.module.js';
import { ConnectModule } from './connect/connect.module.js';
import { CryptoModule } from './crypto/crypto.module.js';
import { DatabaseModule } from './database/database.module.js';
import { EventsModule } from './events/events.module.js';
import { HealthModule } from './health/health.module.js';
import { HttpModule } from './http/http.module.js';
import { KnownQueryModule } from './http/known-query.module.js';
import { ProblemFilter } from './http/problem.filter.js';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor.js';
import { IdempotencyModule } from './idempotency/idempotency.module.js';
import { InstancesModule } from './instances/instances.module.js';
import { KeysModule } from './keys/keys.module.js';
import { MailModule } from './mail/mail.module.js';
import { McpModule } from './mcp/mcp.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { NoticesModule } from './notices/notices.module.js';
import { OutboxModule } from './outbox/outbox.module.js';
import { PlatformsModule } from './platforms/platforms.module.js';
import { ProxyModule } from './proxy/proxy.module.js';
import { RateLimitModule } from './rate-limit/rate-limit.module.js';
import { RevealModule } from './reveal/reveal.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { StatsModule } from './stats/stats.module.js';
import { TracingModule } from './tracing/tracing.module.js';
import { UsersModule } from './users/users.module.js';
import { WatchModule } from './watch/watch.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';

/** The one list of modules. */
@Module({})
export class AppModule {
  static forRoot(config: AppConfig): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        CommonModule,
        HttpModule,
        TracingModule,
        CryptoModule,
        DatabaseModule,
        CacheModule,
        OutboxModule,
        KeysModule,
        AuditModule,
        IdempotencyModule,
        MailModule,
        NoticesModule,
        UsersModule,
        SessionsModule,
        AuthModule,
        AccountModule,
        InstancesModule,
        RateLimitModule,
        KnownQueryModule,
        PlatformsModule,
        ConnectModule,
        RevealModule,
        ProxyModule,
        McpModule,
        StatsModule,
        AvatarsModule,
        AdminModule,
        WatchModule,
        EventsModule,
        WebhooksModule,
        HealthModule,
        MetricsModule,
      ],
      providers: [
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_INTERCEPTOR, useClass: AuditOriginInterceptor },
        // Outside of the next one: it keeps what that one makes of a cached read.
        { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
        { provide: APP_INTERCEPTOR, useClass: CacheStatusInterceptor },
      ],
    };
  }
}
