import { ErrorReply } from '@redis/client';
import type { SingleClient } from './redis-client.js';
import { clusterTopology } from './redis-cluster.js';
import { SingleTopology } from './redis-single.js';
import type { CreateTopology, RedisTopology } from './redis-topology.js';

interface ServerOptions {
  /** A key of this process alone; see Witness. */
  readonly witnessKey: string;
  /** The URL names a node of a cluster, which is used as a cluster. */
  readonly onCluster: () => void;
}

/** The server at a URL. A node of a cluster leads to the others, because it holds some of the keys only. */
class ServerTopology implements RedisTopology {
  #topology: RedisTopology;
  #destroyed = false;

  constructor(
    private readonly url: string,
    private readonly options: ServerOptions,
    private readonly onTrouble: (why: string) => void,
  ) {
    this.#topology = new SingleTopology(url, options.witnessKey, onTrouble);
  }

  get client() {
    return this.#topology.client;
  }

  async connect(): Promise<void> {
    await this.#topology.connect();
    const [server] = await this.#topology.masters();
    if (server === undefined || !(await isClusterNode(server)) || this.#destroyed) return;
    this.#topology.destroy();
    this.options.onCluster();
    this.#topology = clusterTopology([this.url])(this.onTrouble);
    await this.#topology.connect();
  }

  identity(): Promise<string> {
    return this.#topology.identity();
  }

  verify(): Promise<void> {
    return this.#topology.verify();
  }

  faultAfter(error: ErrorReply | undefined): string | null {
    return this.#topology.faultAfter(error);
  }

  masters() {
    return this.#topology.masters();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#topology.destroy();
  }
}

/** A cluster of one node has all keys: it is like any server, also where nobody can reach the address that it announces. */
async function isClusterNode(server: SingleClient): Promise<boolean> {
  try {
    const info = await server.clusterInfo();
    return !/^cluster_size:1\r?$/m.test(info);
  } catch (error) {
    // "This instance has cluster support disabled", or a proxy that does not know the command.
    if (error instanceof ErrorReply) return false;
    throw error;
  }
}

export function serverTopology(url: string, options: ServerOptions): CreateTopology {
  return (onTrouble) => new ServerTopology(url, options, onTrouble);
}
