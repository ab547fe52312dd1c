import type { RedisTarget } from '../../config/redis-target.js';
import { clusterOpener } from './redis-cluster.js';
import { type RedisConnection, SingleRedis } from './redis-connection.js';
import { sentinelOpener } from './redis-sentinel.js';
import { RedisSessions } from './redis-sessions.js';

/** Not open yet. */
export function connectionTo(target: RedisTarget, deadlineMs: number): RedisConnection {
  switch (target.kind) {
    case 'single':
      return new SingleRedis(target.url, deadlineMs);
    case 'cluster':
      return new RedisSessions(clusterOpener(target.urls), deadlineMs);
    case 'sentinel':
      return new RedisSessions(sentinelOpener(target.urls, target.master), deadlineMs);
    default:
      return target satisfies never;
  }
}
