import type { SingleClient } from '../../src/cache/redis/redis-client.js';
import type { RedisHealth } from '../../src/cache/redis/redis-health.js';

/** All commands of the one client that the cache has, for looking at what it did. */
export function rawClient(health: RedisHealth | undefined): SingleClient {
  if (health === undefined) throw new Error('The cache is not on Redis');
  return health.connection.client as SingleClient;
}
