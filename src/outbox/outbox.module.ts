import { Global, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { CacheHealth } from '../cache/cache-health.js';
import { CacheService } from '../cache/cache.service.js';
import { LeaseStore } from '../cache/lease-store.js';
import { SelfAudit } from '../cache/self-audit.js';
import { Installation } from '../common/installation.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import { CacheKeys } from './cache-keys.js';
import { EventMeter } from './event-meter.js';
import { FollowedWrites } from './followed-writes.js';
import { Invalidation } from './invalidation.js';
import { OutboxRelay } from './outbox-relay.js';
import { EmbeddedOutboxSession, type OutboxSession, PostgresOutboxSession } from './outbox-session.js';
import { PublishedEvents } from './published-events.js';

const OUTBOX_SESSION = Symbol('OutboxSession');

@Global()
@Module({
  providers: [
    CacheKeys,
    Invalidation,
    EventMeter,
    {
      provide: OUTBOX_SESSION,
      inject: [AppConfig, Database],
      useFactory: ({ database: options, redis }: AppConfig, database: Database): OutboxSession =>
        options.direct.kind === 'postgres'
          ? new PostgresOutboxSession(options.direct, options, redis?.commandTimeoutMs ?? 0)
          : new EmbeddedOutboxSession(database),
    },
    {
      provide: PublishedEvents,
      inject: [OUTBOX_SESSION, Database],
      useFactory: (session: OutboxSession, database: Database) => new PublishedEvents(session, database),
    },
    {
      provide: FollowedWrites,
      inject: [LeaseStore, CacheHealth, CacheKeys, SelfAudit],
      useFactory: (store: LeaseStore, health: CacheHealth, keys: CacheKeys, audit: SelfAudit) =>
        new FollowedWrites(store, health, keys, audit),
    },
    {
      provide: OutboxRelay,
      inject: [OUTBOX_SESSION, CacheService, CacheHealth, CacheKeys, Installation, FollowedWrites, AppConfig],
      useFactory: (
        session: OutboxSession,
        cache: CacheService,
        health: CacheHealth,
        keys: CacheKeys,
        installation: Installation,
        followed: FollowedWrites,
        config: AppConfig,
      ) => new OutboxRelay(session, cache, health, keys, installation, followed, config.cache.needsDatabase),
    },
  ],
  exports: [CacheKeys, EventMeter, Invalidation, OutboxRelay, PublishedEvents],
})
export class OutboxModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly relay: OutboxRelay) {}

  onApplicationBootstrap(): void {
    this.relay.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.relay.stop();
  }
}
