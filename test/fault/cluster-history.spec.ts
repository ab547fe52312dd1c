import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends, IMPATIENT_WITH_REDIS } from '../support/backends.js';
import { type ApiProcess, startApi } from '../support/servers/api-process.js';
import { type RedisCluster, startRedisCluster } from '../support/servers/redis-cluster.js';
import { ClusterFaults } from './history/cluster-faults.js';
import { Fleet } from './history/fleet.js';
import { Random } from './history/random.js';
import { runHistory } from './history/run-history.js';

const OPERATIONS = Number(process.env['CLUSTER_HISTORY_OPERATIONS'] ?? 4_000);
const SEED = Number(process.env['HISTORY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const LIMIT_MS = 1_000 * 60 * Math.max(6, OPERATIONS / 10_000);

describe(`history of ${OPERATIONS} operations on a Redis Cluster of six nodes, HISTORY_SEED=${SEED}`, () => {
  let cluster: RedisCluster;
  let backends: Backends;
  let processes: ApiProcess[] = [];
  let fleet: Fleet;

  beforeAll(async () => {
    cluster = await startRedisCluster();
    backends = await Backends.create({ redisUrl: cluster.url });
    const env = { ...backends.env(), ...IMPATIENT_WITH_REDIS, LOG_LEVEL: 'warn' };
    processes = await Promise.all([startApi({ env }), startApi({ env })]);
    fleet = new Fleet(processes);
  }, 120_000);

  afterAll(async () => {
    fleet?.close();
    await Promise.all(processes.map((api) => api.stop()));
    await backends?.remove();
    await cluster?.remove();
  }, 60_000);

  it(
    'no read is older than the last write acknowledged before it, through failovers, and at the end cache equals database',
    async () => {
      const faults = new ClusterFaults(new Random(SEED + 1), cluster, fleet);
      await runHistory({
        name: 'cluster history',
        random: new Random(SEED),
        operations: OPERATIONS,
        backends,
        fleet,
        faults,
      });
      expect(faults.counts['fail-over']).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );
});
