import { CACHE_MANAGER, type Cache, CacheModule as NestCacheModule } from '@nestjs/cache-manager';
import { Global, Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { CacheFigures } from './cache-figures.js';
import { CacheHealth, MemoryHealth } from './cache-health.js';
import { CacheMeter } from './cache-meter.js';
import { CacheService } from './cache.service.js';
import { type LeasingAdapter, memoryKeyv, redisKeyv } from './keyv-stores.js';
import { LeaseStore } from './lease-store.js';
import { MemoryStore } from './memory-store.js';
import { connectionTo } from './redis/connection-to.js';
import { RedisLink } from './redis/redis-link.js';
import { RedisStore } from './redis/redis-store.js';
import { SelfAudit } from './self-audit.js';

@Module({
  providers: [
    {
      provide: CacheHealth,
      inject: [AppConfig],
      useFactory: async ({ redis }: AppConfig): Promise<CacheHealth> => {
        if (redis === null) return new MemoryHealth();
        return new RedisLink(connectionTo(redis.target, redis.commandTimeoutMs), new Logger('Cache'));
      },
    },
  ],
  exports: [CacheHealth],
})
class CacheHealthModule {}

@Global()
@Module({
  imports: [
    CacheHealthModule,
    NestCacheModule.registerAsync({
      imports: [CacheHealthModule],
      inject: [CacheHealth, AppConfig],
      useFactory: (health: CacheHealth, { redis }: AppConfig) => ({
        stores:
          health instanceof RedisLink && redis !== null
            ? redisKeyv(
                health.connection,
                new RedisStore(health.connection, health.breaker, redis.commandTimeoutMs),
                redis.commandTimeoutMs,
              )
            : memoryKeyv(new MemoryStore()),
      }),
    }),
  ],
  providers: [
    {
      provide: LeaseStore,
      inject: [CACHE_MANAGER],
      useFactory: (cache: Cache): LeaseStore => {
        const store = cache.stores[0]?.store as LeasingAdapter | undefined;
        if (store?.leases === undefined)
          throw new Error('CACHE_MANAGER was built without a store that has leases.');
        return store.leases;
      },
    },
    CacheService,
    CacheMeter,
    CacheFigures,
    SelfAudit,
  ],
  exports: [
    CacheHealthModule,
    NestCacheModule,
    LeaseStore,
    CacheService,
    CacheMeter,
    CacheFigures,
    SelfAudit,
  ],
})
export class CacheModule implements OnApplicationShutdown {
  constructor(@Inject(CacheHealth) private readonly health: CacheHealth) {}

  /** After every module has registered what it makes good after an outage. */
  async onApplicationBootstrap(): Promise<void> {
    if (this.health instanceof RedisLink) await this.health.start();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.health instanceof RedisLink) await this.health.stop();
  }
}
