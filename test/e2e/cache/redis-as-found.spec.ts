import { afterEach, expect, it } from '@jest/globals';
import { startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { createPlatform, register } from '../../support/factories.js';
import { startRedisCluster } from '../../support/servers/redis-cluster.js';
import { startRedis } from '../../support/servers/redis.js';

const HIT = 'platform-manager; hit';
/** A writer that Redis does not answer waits for two seconds. */
const NO_WAIT_MS = 1500;

let removeServers: () => Promise<void> = async () => undefined;

afterEach(() => removeServers(), 60_000);

/** Everything is cached at the second read, also after a write, and no write waits for Redis. */
async function expectUse(redisUrl: string, ofTest = redisUrl): Promise<readonly string[]> {
  const backends = await Backends.create({ redisUrl: ofTest });
  const app = await startTestApp({ backends, env: { REDIS_URL: redisUrl } });
  try {
    const ada = await register(app.client, backends.secrets);
    const { id } = await createPlatform(ada, backends.secrets);
    for (const name of ['one', 'two', 'three']) {
      const write = await ada.client.patch(`/v1/platforms/${id}`, { name });
      expect(write.status).toBe(200);
      expect(write.durationMs).toBeLessThan(NO_WAIT_MS);
      await backends.settled();
      const reads = [await ada.client.get('/v1/platforms'), await ada.client.get('/v1/platforms')];
      expect(reads.map((read) => read.json<{ name: string }[]>().map((one) => one.name))).toEqual([
        [name],
        [name],
      ]);
      expect(reads[1]?.cacheStatus).toBe(HIT);
    }
    await app.expectCleanRecord();
    return app.logLines;
  } finally {
    await app.app.close();
    await backends.remove();
  }
}

it('an ACL user without @dangerous is enough', async () => {
  const server = await startRedis({
    args: ['--user', 'app', 'on', '>p@ss', '~*', '&*', '+@all', '-@dangerous'],
  });
  removeServers = () => server.remove();
  await expectUse(server.url(2).replace('//', '//app:p%40ss@'));
}, 60_000);

it('one node of a cluster as REDIS_URL is used as the cluster, which the log says once', async () => {
  const cluster = await startRedisCluster();
  removeServers = () => cluster.remove();
  const lines = await expectUse(`redis://127.0.0.1:${cluster.nodes[0]?.port}`, cluster.url);
  expect(lines.filter((line) => line.includes('one node of a Redis Cluster'))).toHaveLength(1);
}, 120_000);
