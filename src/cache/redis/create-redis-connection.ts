import { randomUUID } from 'node:crypto';
import type { RedisTarget } from '../../config/redis-target.js';
import { clusterTopology } from './redis-cluster.js';
import { RedisConnection } from './redis-connection.js';
import { sentinelTopology } from './redis-sentinel.js';
import { serverTopology } from './redis-server.js';
import type { CreateTopology } from './redis-topology.js';

export const CLUSTER_NODE =
  'REDIS_URL names one node of a Redis Cluster. It is used as a cluster; name several nodes, comma-separated, or nothing is cached while that one is down.';

export interface ConnectionOptions {
  /** Before each key. */
  readonly keyPrefix: string;
  /** Is called once at most. */
  readonly warn: (text: string) => void;
}

/** Does not connect yet; the first `identity()` does. */
export function createRedisConnection(
  target: RedisTarget,
  deadlineMs: number,
  options: ConnectionOptions,
): RedisConnection {
  return new RedisConnection(topologyOf(target, options), deadlineMs);
}

function topologyOf(target: RedisTarget, { keyPrefix, warn }: ConnectionOptions): CreateTopology {
  const witnessKey = `${keyPrefix}platform_manager:witness:${randomUUID()}`;
  switch (target.kind) {
    case 'single': {
      let said = false;
      const onCluster = (): void => {
        if (!said) warn(CLUSTER_NODE);
        said = true;
      };
      return serverTopology(target.url, { witnessKey, onCluster });
    }
    case 'cluster':
      return clusterTopology(target.urls);
    case 'sentinel':
      return sentinelTopology(target, witnessKey);
    default:
      return target satisfies never;
  }
}
