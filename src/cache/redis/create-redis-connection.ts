import type { RedisTarget } from '../../config/redis-target.js';
import { clusterTopology } from './redis-cluster.js';
import { RedisConnection } from './redis-connection.js';
import { sentinelTopology } from './redis-sentinel.js';
import { singleTopology } from './redis-single.js';
import type { CreateTopology } from './redis-topology.js';

/** Does not connect yet; the first `identity()` does. */
export function createRedisConnection(target: RedisTarget, deadlineMs: number): RedisConnection {
  return new RedisConnection(topologyOf(target), deadlineMs);
}

function topologyOf(target: RedisTarget): CreateTopology {
  switch (target.kind) {
    case 'single':
      return singleTopology(target.url);
    case 'cluster':
      return clusterTopology(target.urls);
    case 'sentinel':
      return sentinelTopology(target.urls, target.master);
    default:
      return target satisfies never;
  }
}
