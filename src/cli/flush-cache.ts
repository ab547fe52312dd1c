import { whyOf } from '../cache/cache-errors.js';
import { withDeadline } from '../cache/deadline.js';
import { createRedisConnection } from '../cache/redis/create-redis-connection.js';
import type { RedisConnection } from '../cache/redis/redis-connection.js';
import type { AppConfig } from '../config/app-config.js';
import { CommandFailed } from './command-failed.js';

/** How every key that the cache writes begins. */
const KEYS = ['user_platforms:', 'platform:', 'platform_stats:', 'api_key:', 'session:', 'instance:'];

const SCANNED_PER_CALL = 1000;
const TIMEOUT_MS = 5000;

/**
 * Drops all cache entries and leases, and nothing else: other programs may store keys in the same Redis database.
 *
 * @returns how many keys were dropped.
 * @throws {CommandFailed} when Redis is not configured or fails. Keys dropped before that stay dropped.
 */
export async function flushCache({ redis }: Pick<AppConfig, 'redis'>): Promise<number> {
  if (redis === null) {
    throw new CommandFailed(
      'REDIS_URL is not set: the cache is in the memory of the API process and is lost when it stops.',
    );
  }
  const connection = createRedisConnection(redis.target, TIMEOUT_MS, {
    keyPrefix: redis.keyPrefix,
    // The API says it.
    warn: () => undefined,
  });
  try {
    await connection.identity();
    const dropped = (await connection.masters()).map((node) => flushNode(node, redis.keyPrefix));
    return (await Promise.all(dropped)).reduce((sum, count) => sum + count, 0);
  } catch (error) {
    throw new CommandFailed(`REDIS_URL cannot be used: ${whyOf(error)}`, { cause: error });
  } finally {
    connection.close();
  }
}

async function flushNode(
  node: Awaited<ReturnType<RedisConnection['masters']>>[number],
  prefix: string,
): Promise<number> {
  let dropped = 0;
  for (const pattern of KEYS.flatMap((key) => [`${prefix}${key}*`, `lease:{${prefix}${key}*`])) {
    let cursor = '0';
    do {
      const page = await withDeadline(
        node.scan(cursor, { MATCH: pattern, COUNT: SCANNED_PER_CALL }),
        TIMEOUT_MS,
      );
      // One command per key: a cluster rejects a command whose keys are in several slots.
      const counts = await withDeadline(Promise.all(page.keys.map((key) => node.unlink(key))), TIMEOUT_MS);
      dropped += counts.reduce((sum, count) => sum + count, 0);
      cursor = page.cursor;
    } while (cursor !== '0');
  }
  return dropped;
}
