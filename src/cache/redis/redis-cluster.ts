import { type ErrorReply, createCluster } from 'redis';
import { CLIENT_OPTIONS, NODE_OPTIONS, SOCKET_OPTIONS } from './redis-client.js';
import { identityOf } from './redis-connection.js';
import type { OpenSession, RedisSession } from './redis-sessions.js';

const SLOTS = 16_384;
/** Longer than a discovery of the client takes: a connection, an answer, and the connections to all it names. */
const SWEEP_FOR_MS = 10_000;
const SWEEP_INTERVAL_MS = 500;

/** A cluster as it was found: its masters, all of them reachable, and who has which slots. */
class ClusterSession implements RedisSession {
  readonly #slots;

  constructor(
    readonly client: Cluster,
    private readonly isOver: { value: boolean },
  ) {
    this.#slots = client.slots;
  }

  async identity(): Promise<string> {
    // Not `client.info`, which any node may answer.
    const identities = (await this.masters()).map(async (node) => {
      if (!(await node.clusterInfo()).includes('cluster_state:ok')) {
        throw new Error('A node says that the cluster is down');
      }
      return identityOf(node);
    });
    return (await Promise.all(identities)).sort().join(', ');
  }

  masters() {
    return Promise.all(this.client.masters.map((master) => this.client.nodeClient(master)));
  }

  /** The client has learned of other masters, or of slots that moved, on the way to this reply. */
  flaw(error: ErrorReply | undefined): string | null {
    if (this.client.slots !== this.#slots) return 'the slots of the cluster have moved';
    return error?.message.startsWith('CLUSTERDOWN') === true ? error.message : null;
  }

  destroy(): void {
    this.isOver.value = true;
    this.client.destroy();
    // A discovery that was under way goes on, and connects to whatever it finds.
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

type Cluster = ReturnType<typeof clientOf>;

/** @param urls of some nodes; user, password and TLS of the first one are those of all. */
export function clusterOpener(urls: readonly string[]): OpenSession {
  return async (onTrouble) => {
    const cluster = clientOf(urls);
    const isOver = { value: false };
    const trouble = (error?: unknown): void => {
      if (isOver.value) return;
      onTrouble(error instanceof Error ? error.message : 'a node of the cluster was lost');
    };
    // While it is being opened, of a node that another one makes good; what cannot be made good is thrown.
    cluster
      .on('error', trouble)
      .on('node-error', trouble)
      .on('node-disconnect', () => trouble());
    try {
      await cluster.connect();
      for (let slot = 0; slot < SLOTS; slot++) {
        if (cluster.slots[slot] === undefined) throw new Error(`Nobody in the cluster has slot ${slot}`);
      }
      return new ClusterSession(cluster, isOver);
    } catch (error) {
      isOver.value = true;
      // It knows of nodes that it has connected to before it failed.
      destroyNodes(cluster);
      throw error;
    }
  };
}

function clientOf(urls: readonly string[]) {
  const { username, password, protocol } = new URL(urls[0] ?? '');
  return createCluster({
    ...CLIENT_OPTIONS,
    rootNodes: urls.map((url) => ({ url })),
    defaults: {
      ...NODE_OPTIONS,
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      socket: {
        ...SOCKET_OPTIONS,
        ...(protocol === 'rediss:' && { tls: true as const }),
        // A node that is lost ends the session.
        reconnectStrategy: false as const,
      },
    },
  });
}
