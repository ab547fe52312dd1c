import { ErrorReply } from '@redis/client';
import { whyOf } from '../cache/cache-errors.js';
import { withDeadline } from '../cache/deadline.js';
import { createRedisConnection } from '../cache/redis/create-redis-connection.js';
import type { RedisConnection } from '../cache/redis/redis-connection.js';
import type { AppConfig } from '../config/app-config.js';
import type { Finding } from './doctor.js';

const TIMEOUT_MS = 5000;
const TRIAL_MS = 1000;

const subject = 'redis';

/** Writes one key that ends by itself within a second. */
export async function examineRedis({ redis }: AppConfig): Promise<Finding[]> {
  if (redis === null)
    return [
      { level: 'ok', subject, text: 'none: the cache is in memory; set REDIS_URL for more than one process' },
    ];
  const warnings: Finding[] = [];
  const connection = createRedisConnection(redis.target, TIMEOUT_MS, {
    keyPrefix: redis.keyPrefix,
    warn: (text) => void warnings.push({ level: 'warning', subject, text }),
  });
  try {
    await withDeadline(connected(connection), TIMEOUT_MS);
    const key = `${redis.keyPrefix}platform_manager:doctor`;
    await withDeadline(connection.client.set(key, 'trial', { PX: TRIAL_MS }), TIMEOUT_MS);
    const nodes = await connection.masters();
    return [...(await Promise.all(nodes.map(examineNode))).flat(), ...warnings];
  } catch (error) {
    return [{ level: 'fault', subject, text: `REDIS_URL cannot be used: ${whyOf(error)}` }];
  } finally {
    connection.close();
  }
}

/** A probe gives a new connection half a second; a far server may need more. */
async function connected(connection: RedisConnection): Promise<void> {
  try {
    await connection.identity();
  } catch {
    await connection.identity();
  }
}

async function examineNode(
  node: Awaited<ReturnType<RedisConnection['masters']>>[number],
): Promise<Finding[]> {
  const sections = Promise.all([node.info('server'), node.info('memory')]).catch((error: unknown) => {
    if (error instanceof ErrorReply) return null;
    throw error;
  });
  const info = await withDeadline(sections, TIMEOUT_MS);
  if (info === null)
    return [
      {
        level: 'ok',
        subject,
        text: 'Redis answers and takes writes; it does not permit INFO, so its version and memory were not looked at',
      },
    ];
  const value = (name: string): string =>
    new RegExp(`^${name}:(.*)\r?$`, 'm').exec(info.join('\n'))?.[1]?.trim() ?? '';
  const answers: Finding = {
    level: 'ok',
    subject,
    text: `Redis ${value('redis_version')} answers and takes writes`,
  };
  if (value('maxmemory') === '0')
    return [
      answers,
      { level: 'warning', subject, text: 'has no maxmemory: set it, with maxmemory-policy volatile-lru' },
    ];
  const policy = value('maxmemory_policy');
  if (policy.startsWith('allkeys-'))
    return [
      answers,
      {
        level: 'warning',
        subject,
        text: `evicts by ${policy} what has no TTL, such as jobs of the watcher: use volatile-lru`,
      },
    ];
  return [answers];
}
