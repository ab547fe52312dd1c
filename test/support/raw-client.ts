import type { createRedisClient } from '../../src/cache/redis/redis-client.js';
import type { RedisLink } from '../../src/cache/redis/redis-link.js';

/** All commands of the one client that the cache has, for looking at what it did. */
export function rawClient(link: RedisLink | undefined): ReturnType<typeof createRedisClient> {
  if (link === undefined) throw new Error('There is no link to Redis');
  return link.client as ReturnType<typeof createRedisClient>;
}
