import { type RedisTarget, type RedisUrl, parseRedisUrl } from '../../config/redis-target.js';
import { withDeadline } from '../deadline.js';
import { createSingleClient } from './redis-client.js';
import { newestMaster } from './redis-sentinel.js';

const ASK_TIMEOUT_MS = 2000;

/**
 * The server that holds a key now.
 *
 * @param cluster whether the servers of the URLs are nodes of a cluster.
 */
export async function findQueueServer(
  target: RedisTarget,
  key: string,
  cluster: boolean,
): Promise<RedisUrl['address']> {
  switch (target.kind) {
    case 'single':
      return cluster ? findNode([target.url], key) : parseRedisUrl(target.url).address;
    case 'cluster':
      return findNode(target.urls, key);
    case 'sentinel': {
      const { host, port } = await newestMaster(target);
      return { host, port: Number(port) };
    }
    default:
      return target satisfies never;
  }
}

/** The first node that answers tells. */
async function findNode(urls: readonly string[], key: string): Promise<RedisUrl['address']> {
  const reasons: unknown[] = [];
  for (const url of urls) {
    try {
      return await askNode(url, key);
    } catch (error) {
      reasons.push(error);
    }
  }
  throw new Error(`No node of the cluster says where the queue is: ${reasons.map(String).join('; ')}`);
}

async function askNode(url: string, key: string): Promise<RedisUrl['address']> {
  const node = createSingleClient(url);
  // The call that is waiting throws the same error.
  node.on('error', () => {});
  try {
    return await withDeadline(
      (async () => {
        await node.connect();
        const [slot, ranges] = await Promise.all([node.clusterKeySlot(key), node.clusterSlots()]);
        const master = ranges.find(({ from, to }) => from <= slot && slot <= to)?.master;
        if (master === undefined) throw new Error(`No node of the cluster has slot ${slot}`);
        if (master.host) return { host: master.host, port: master.port };
        // A node that does not know its own address leaves it out: it is the one that was asked.
        const { address } = parseRedisUrl(url);
        return 'path' in address ? address : { ...address, port: master.port };
      })(),
      ASK_TIMEOUT_MS,
    );
  } finally {
    node.destroy();
  }
}
