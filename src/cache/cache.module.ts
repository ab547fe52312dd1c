import { CacheModule as NestCacheModule } from '@nestjs/cache-manager';
import { Global, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Installation } from '../common/installation.js';
import { AppConfig } from '../config/app-config.js';
import { KeyRing } from '../crypto/key-ring.js';
import { type CacheBackend, memoryBackend } from './cache-backend.js';
import { CacheFigures } from './cache-figures.js';
import { CacheHealth } from './cache-health.js';
import { CacheMeter } from './cache-meter.js';
import { CacheService } from './cache.service.js';
import { CountingStore } from './counting-store.js';
import { memoryKeyv, redisKeyv } from './keyv-stores.js';
import { LeaseStore } from './lease-store.js';
import { redisBackend } from './redis/redis-backend.js';
import { SelfAudit } from './self-audit.js';
import { SlotStore } from './slot-store.js';

const CACHE_BACKEND = Symbol('CACHE_BACKEND');

@Module({
  providers: [
    {
      provide: CACHE_BACKEND,
      inject: [AppConfig, KeyRing, Installation],
      useFactory: ({ redis }: AppConfig, keyRing: KeyRing, installation: Installation): CacheBackend =>
        redis === null ? memoryBackend(installation) : redisBackend(redis, keyRing, installation),
    },
    { provide: CacheHealth, inject: [CACHE_BACKEND], useFactory: ({ health }: CacheBackend) => health },
    { provide: LeaseStore, inject: [CACHE_BACKEND], useFactory: ({ store }: CacheBackend) => store },
    { provide: SlotStore, inject: [CACHE_BACKEND], useFactory: ({ slots }: CacheBackend) => slots },
    { provide: CountingStore, inject: [CACHE_BACKEND], useFactory: ({ counts }: CacheBackend) => counts },
  ],
  exports: [CacheHealth, LeaseStore, CountingStore, SlotStore],
})
class CacheBackendModule {}

@Global()
@Module({
  imports: [
    CacheBackendModule,
    NestCacheModule.registerAsync({
      imports: [CacheBackendModule],
      inject: [CacheHealth, LeaseStore],
      useFactory: ({ kind }: CacheHealth, store: LeaseStore) => ({
        stores: kind === 'redis' ? redisKeyv(store) : memoryKeyv(store),
      }),
    }),
  ],
  providers: [CacheService, CacheMeter, CacheFigures, SelfAudit],
  exports: [CacheBackendModule, NestCacheModule, CacheService, CacheMeter, CacheFigures, SelfAudit],
})
export class CacheModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly health: CacheHealth) {}

  /** At bootstrap, because by then every module has registered its recovery. */
  async onApplicationBootstrap(): Promise<void> {
    await this.health.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.health.stop();
  }
}
