import { randomUUID } from 'node:crypto';
import { type ErrorReply, RedisCluster } from '@redis/client';
import { parseRedisUrl } from '../../config/redis-target.js';
import { CLIENT_OPTIONS, SERVER_OPTIONS, SOCKET_OPTIONS } from './redis-client.js';
import { type CreateTopology, type RedisTopology, identityOf } from './redis-topology.js';

const SLOTS = 16_384;
/** Longer than the client's discovery takes: to connect, to ask, and to connect to every node of the answer. */
const SWEEP_FOR_MS = 10_000;
const SWEEP_INTERVAL_MS = 500;

/** The masters of a cluster, all of them reachable, and the slots that each one has. */
class ClusterTopology implements RedisTopology {
  readonly client: Cluster;
  readonly #connectionId = randomUUID();
  #slots: Cluster['slots'] = [];
  #destroyed = false;

  constructor(urls: readonly string[], onTrouble: (why: string) => void) {
    this.client = createClusterClient(urls);
    const trouble = (error?: unknown): void => {
      if (this.#destroyed) return;
      onTrouble(error instanceof Error ? error.message : 'the connection to a node of the cluster was lost');
    };
    this.client
      .on('error', trouble)
      .on('node-error', trouble)
      .on('node-disconnect', () => trouble());
  }

  async connect(): Promise<void> {
    await this.client.connect();
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.client.slots[slot] === undefined) throw new Error(`No node of the cluster has slot ${slot}`);
    }
    this.#slots = this.client.slots;
  }

  async identity(): Promise<string> {
    // Not `client.info`: any node may answer that.
    const identities = (await this.masters()).map(async (node) => {
      if (!(await node.clusterInfo()).includes('cluster_state:ok')) {
        throw new Error('A node reports that the cluster is down');
      }
      // Of a node that does not say who it is: its restart ends the connection, and the next one has another id.
      return (await identityOf(node)) ?? this.#connectionId;
    });
    return (await Promise.all(identities)).sort().join(', ');
  }

  async verify(): Promise<void> {
    await Promise.all((await this.masters()).map((node) => node.ping()));
  }

  masters() {
    return Promise.all(this.client.masters.map((master) => this.client.nodeClient(master)));
  }

  /** The client replaces `slots` when it learns, while it gets this reply, of another master or of a slot that moved. */
  faultAfter(error: ErrorReply | undefined): string | null {
    if (this.client.slots !== this.#slots) return 'the slots of the cluster have moved';
    return error?.message.startsWith('CLUSTERDOWN') === true ? error.message : null;
  }

  destroy(): void {
    this.#destroyed = true;
    // First, because the client forgets its nodes when it is destroyed.
    destroyNodes(this.client);
    this.client.destroy();
    // A discovery that is running goes on, and connects to every node that it finds.
    const until = performance.now() + SWEEP_FOR_MS;
    const timer = setInterval(() => {
      destroyNodes(this.client);
      if (performance.now() > until) clearInterval(timer);
    }, SWEEP_INTERVAL_MS).unref();
  }
}

function destroyNodes({ nodeByAddress }: Cluster): void {
  for (const { client } of nodeByAddress.values()) client?.destroy();
}

type Cluster = ReturnType<typeof createClusterClient>;

/** @param urls of some nodes. User, password and TLS of the first one apply to all. */
export function clusterTopology(urls: readonly string[]): CreateTopology {
  return (onTrouble) => new ClusterTopology(urls, onTrouble);
}

function createClusterClient(urls: readonly string[]) {
  const { login, tls } = parseRedisUrl(urls[0] ?? '');
  // Not createCluster, for the same reason as newClient.
  return RedisCluster.factory(CLIENT_OPTIONS)({
    ...CLIENT_OPTIONS,
    rootNodes: urls.map((url) => ({ url })),
    defaults: {
      ...SERVER_OPTIONS,
      ...login,
      socket: {
        ...SOCKET_OPTIONS,
        ...(tls && { tls: true as const }),
      },
    },
  });
}
