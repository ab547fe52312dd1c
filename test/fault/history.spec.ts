import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { Backends, IMPATIENT_WITH_REDIS } from '../support/backends.js';
import { type ApiProcess, startApi } from '../support/servers/api-process.js';
import { type PostgresServer, startPostgres } from '../support/servers/postgres.js';
import { type RedisServer, startRedis } from '../support/servers/redis.js';
import { type TcpProxy, startTcpProxy } from '../support/servers/tcp-proxy.js';
import { FaultInjector } from './history/faults.js';
import { Fleet } from './history/fleet.js';
import { Random } from './history/random.js';
import { runHistory } from './history/run-history.js';

const OPERATIONS = Number(process.env['HISTORY_OPERATIONS'] ?? 26_000);
const SEED = Number(process.env['HISTORY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const PROCESSES = 2;
const LIMIT_MS = 1_000 * 60 * Math.max(10, OPERATIONS / 10_000);

describe(`history of ${OPERATIONS} operations, HISTORY_SEED=${SEED}`, () => {
  let redis: RedisServer;
  let postgres: PostgresServer;
  let backends: Backends;
  let proxies: TcpProxy[];
  let processes: ApiProcess[];
  let fleet: Fleet;

  beforeAll(async () => {
    [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
    proxies = await Promise.all(Array.from({ length: PROCESSES }, () => startTcpProxy(redis.port)));
    backends = await Backends.create({ redisUrl: redis.url(), postgresUrl: postgres.url() });
    const env = { ...backends.env(), ...IMPATIENT_WITH_REDIS, LOG_LEVEL: 'warn' };
    processes = await Promise.all(
      proxies.map(({ port }) => startApi({ env: { ...env, REDIS_URL: `redis://127.0.0.1:${port}` } })),
    );
    fleet = new Fleet(processes);
  }, 120_000);

  afterAll(async () => {
    fleet?.close();
    await Promise.all((processes ?? []).map((api) => api.stop()));
    await Promise.all((proxies ?? []).map((proxy) => proxy.close()));
    await backends?.remove();
    await Promise.all([redis?.remove(), postgres?.remove()]);
  }, 120_000);

  it(
    'no read is older than the last write acknowledged before it, and at the end cache equals database',
    () =>
      runHistory({
        name: 'history',
        random: new Random(SEED),
        operations: OPERATIONS,
        backends,
        fleet,
        faults: new FaultInjector(new Random(SEED + 1), { redis, postgres, proxies, fleet, backends }),
      }),
    LIMIT_MS,
  );
});
