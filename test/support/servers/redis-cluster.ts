import { waitUntil } from '../barrier.js';
import { freePorts } from './free-port.js';
import { command, commands } from './redis-command.js';
import { type RedisServer, startRedis } from './redis.js';

const MASTERS = 3;
const SLOTS = 16_384;
const NODE_TIMEOUT_MS = 2500;
const SETTLE = { timeoutMs: 60_000, intervalMs: 50 };

/** Three masters with a replica each, on loopback. */
export class RedisCluster {
  constructor(readonly nodes: readonly RedisServer[]) {}

  /** As REDIS_URL takes it. */
  get url(): string {
    return this.nodes.map(({ port }) => `redis://127.0.0.1:${port}`).join(',');
  }

  /** Of the nodes that run. */
  async masters(): Promise<RedisServer[]> {
    return this.#withRole('master');
  }

  async replicas(): Promise<RedisServer[]> {
    return this.#withRole('slave');
  }

  async flush(): Promise<void> {
    await Promise.all((await this.masters()).map((node) => command(node, ['FLUSHALL'])));
  }

  /** The replica takes over from its master, which hands everything over first. */
  async handOver(replica: RedisServer): Promise<void> {
    await command(replica, ['CLUSTER', 'FAILOVER']);
  }

  /** Returns when a replica has taken the place of a master that is dead. */
  async whenTakenOver(dead: RedisServer): Promise<void> {
    const isTakenOver = async (): Promise<boolean> => {
      const masters = await this.masters();
      return masters.length === MASTERS && !masters.includes(dead);
    };
    await waitUntil(isTakenOver, { ...SETTLE, what: 'a replica to take over' });
  }

  /** Returns when every slot has a master that everybody knows, and every master a replica that is in step. */
  async whenHealthy(): Promise<void> {
    await waitUntil(async () => this.#isHealthy(), { ...SETTLE, what: 'the cluster to be healthy' });
  }

  async remove(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.remove()));
  }

  async #withRole(role: string): Promise<RedisServer[]> {
    const roles = await Promise.all(
      this.nodes.map(async (node) =>
        ((await command(node, ['ROLE']).catch(() => [])) as unknown[])[0] === role ? [node] : [],
      ),
    );
    return roles.flat();
  }

  async #isHealthy(): Promise<boolean> {
    const states = await Promise.all(
      this.nodes.map(async (node) => {
        const asked = [
          ['CLUSTER', 'INFO'],
          ['INFO', 'replication'],
        ];
        const [info = '', replication = ''] = (await commands(node, asked).catch(() => [])).map(String);
        return (
          info.includes('cluster_state:ok') &&
          info.includes(`cluster_slots_ok:${SLOTS}`) &&
          (replication.includes('role:slave')
            ? replication.includes('master_link_status:up')
            : /connected_slaves:[1-9]/.test(replication))
        );
      }),
    );
    return states.every(Boolean);
  }
}

/** The caller removes it; it goes with this process at the latest. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const busPorts = await freePorts(2 * MASTERS);
  const nodes = await Promise.all(
    busPorts.map((port) =>
      startRedis({
        args: [
          ...['--cluster-enabled', 'yes', '--cluster-port', String(port)],
          ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS), '--databases', '1'],
          // A replica that has fallen behind takes over all the same: the more that is lost, the harder the test.
          ...['--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0'],
        ],
      }),
    ),
  );
  const cluster = new RedisCluster(nodes);
  const [first] = nodes;
  for (const [index, node] of nodes.entries()) {
    await command(first, ['CLUSTER', 'MEET', '127.0.0.1', String(node.port), String(busPorts[index])]);
    if (index >= MASTERS) continue;
    const from = Math.floor((index * SLOTS) / MASTERS);
    const to = Math.floor(((index + 1) * SLOTS) / MASTERS) - 1;
    await command(node, ['CLUSTER', 'ADDSLOTSRANGE', String(from), String(to)]);
  }
  for (const [index, replica] of nodes.slice(MASTERS).entries()) {
    const id = String(await command(nodes[index], ['CLUSTER', 'MYID']));
    // It has to have heard of its master first.
    const knows = async (): Promise<boolean> => {
      return String(await command(replica, ['CLUSTER', 'NODES'])).includes(id);
    };
    await waitUntil(knows, { ...SETTLE, what: 'the nodes to know each other' });
    await command(replica, ['CLUSTER', 'REPLICATE', id]);
  }
  await cluster.whenHealthy();
  return cluster;
}
