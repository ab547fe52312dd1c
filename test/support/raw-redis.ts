import { RedisCluster } from '@redis/client';
import { CLIENT_OPTIONS, newClient } from '../../src/cache/redis/redis-client.js';

function connectServer(url: string) {
  const client = newClient()({ url, ...CLIENT_OPTIONS, socket: { reconnectStrategy: () => 50 } });
  // Without a listener a Redis that the test kills would end the test.
  client.on('error', () => undefined);
  return client;
}

export type RawRedis = ReturnType<typeof connectServer>;

/** The test's own way to Redis; with several comma-separated URLs, to a cluster. Not connected yet. */
export function rawRedis(url: string): RawRedis {
  return url.includes(',') ? connectCluster(url.split(',')) : connectServer(url);
}

/** As one server looks: what concerns all keys is asked of all masters. */
function connectCluster(urls: readonly string[]): RawRedis {
  const cluster = RedisCluster.factory(CLIENT_OPTIONS)({
    ...CLIENT_OPTIONS,
    rootNodes: urls.map((url) => ({ url })),
    defaults: { socket: { reconnectStrategy: () => 50 } },
  });
  cluster.on('error', () => undefined).on('node-error', () => undefined);
  const masters = () => Promise.all(cluster.masters.map((master) => cluster.nodeClient(master)));
  const allKeys = {
    async *scanIterator(options?: Parameters<RawRedis['scanIterator']>[0]) {
      for (const node of await masters()) yield* node.scanIterator(options);
    },
    async keys(pattern: string) {
      return (await Promise.all((await masters()).map((node) => node.keys(pattern)))).flat();
    },
    async flushDb() {
      await Promise.all((await masters()).map((node) => node.flushDb()));
    },
    async exists(keys: string | readonly string[]) {
      const counts = await Promise.all(
        [keys].flat().map((key) => cluster.sendCommand(key, true, ['EXISTS', key])),
      );
      return counts.reduce<number>((sum, count) => sum + Number(count), 0);
    },
  };
  return Object.assign(cluster, allKeys) as unknown as RawRedis;
}
