import { createRedisConnection } from '../../src/cache/redis/create-redis-connection.js';
import type { RedisConnection } from '../../src/cache/redis/redis-connection.js';
import { type RedisTarget, redisTarget } from '../../src/config/redis-target.js';

/** The cache's way to the servers of a REDIS_URL, or to what one was parsed to. Not connected yet. */
export function connectRedis(
  servers: string | RedisTarget,
  deadlineMs: number,
  warn: (text: string) => void = () => undefined,
): RedisConnection {
  const target = typeof servers === 'string' ? redisTarget.parse(servers) : servers;
  return createRedisConnection(target, deadlineMs, { keyPrefix: '', warn });
}
