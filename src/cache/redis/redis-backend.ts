import { Logger } from '@nestjs/common';
import type { AppConfig } from '../../config/app-config.js';
import type { CacheBackend } from '../cache-backend.js';
import { createRedisConnection } from './create-redis-connection.js';
import { RedisCountingStore } from './redis-counting-store.js';
import { RedisHealth } from './redis-health.js';
import { RedisStore } from './redis-store.js';

/** One connection and one breaker for everything that the process keeps in Redis. */
export function redisBackend({ target, commandTimeoutMs }: NonNullable<AppConfig['redis']>): CacheBackend {
  const connection = createRedisConnection(target, commandTimeoutMs);
  const health = new RedisHealth(connection, new Logger('Cache'));
  return {
    health,
    store: new RedisStore(connection, health.breaker, commandTimeoutMs),
    counts: new RedisCountingStore(connection, health.breaker, commandTimeoutMs),
  };
}
