import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { connectRedis } from '../../../test/support/connect-redis.js';
import { type RawRedis, rawRedis } from '../../../test/support/raw-redis.js';
import { testInstallation } from '../../../test/support/sealed-entries.js';
import { type RedisServer, startRedis } from '../../../test/support/servers/redis.js';
import { InstallationMark, MARK_KEY } from './installation-mark.js';
import type { RedisConnection } from './redis-connection.js';

let server: RedisServer;
let redis: RawRedis;
let connection: RedisConnection;
let mark: InstallationMark;

beforeEach(async () => {
  server = await startRedis();
  redis = rawRedis(server.url());
  await redis.connect();
  connection = connectRedis(server.url(), 5000);
  await connection.identity();
  mark = new InstallationMark(connection, testInstallation, '', 5000);
});
afterEach(async () => {
  connection.close();
  redis.destroy();
  await server.remove();
});

it('is set, over whatever somebody else has left there', async () => {
  await redis.rPush(MARK_KEY, 'a list');
  await mark.set();
  expect(await redis.get(MARK_KEY)).toBe(testInstallation.id);
});

it('is no reason not to use a Redis that is full', async () => {
  await redis.configSet('maxmemory', '1');
  await expect(redis.set('any', 'value')).rejects.toThrow('OOM');
  await mark.set();
});
