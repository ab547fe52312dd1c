import { Logger } from '@nestjs/common';
import type { Installation } from '../../common/installation.js';
import type { AppConfig } from '../../config/app-config.js';
import type { KeyRing } from '../../crypto/key-ring.js';
import type { CacheBackend } from '../cache-backend.js';
import { SealedEntries } from '../sealed-entries.js';
import { createRedisConnection } from './create-redis-connection.js';
import { InstallationMark } from './installation-mark.js';
import { RedisCountingStore } from './redis-counting-store.js';
import { RedisHealth } from './redis-health.js';
import { RedisSlotStore } from './redis-slot-store.js';
import { RedisStore } from './redis-store.js';

/** One connection and one breaker for everything that the process keeps in Redis. */
export function redisBackend(
  { target, commandTimeoutMs, keyPrefix }: NonNullable<AppConfig['redis']>,
  keyRing: KeyRing,
  installation: Installation,
): CacheBackend {
  const logger = new Logger('Cache');
  const warn = (text: string): void => logger.warn(text);
  const connection = createRedisConnection(target, commandTimeoutMs, { keyPrefix, warn });
  const health = new RedisHealth(connection, logger);
  const entries = new SealedEntries(keyRing, installation);
  const mark = new InstallationMark(connection, installation, keyPrefix, commandTimeoutMs);
  health.onRecovery(() => mark.set());
  return {
    health,
    store: new RedisStore(connection, health.breaker, commandTimeoutMs, entries, keyPrefix),
    slots: new RedisSlotStore(connection, health.breaker, commandTimeoutMs, keyPrefix),
    counts: new RedisCountingStore(connection, health.breaker, commandTimeoutMs, keyPrefix),
  };
}
