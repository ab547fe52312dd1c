import type { ErrorReply } from '@redis/client';
import { type SingleClient, createSingleClient } from './redis-client.js';
import type { RedisTopology } from './redis-topology.js';
import { Witness } from './witness.js';

export class SingleTopology implements RedisTopology {
  readonly client: SingleClient;
  readonly #witness: Witness;

  constructor(url: string, witnessKey: string, onTrouble: (why: string) => void) {
    this.client = createSingleClient(url);
    this.client.on('error', (error: Error) => onTrouble(error.message));
    this.#witness = new Witness(this.client, witnessKey);
  }

  async connect(): Promise<void> {
    await this.client.connect();
  }

  identity(): Promise<string> {
    return this.#witness.identity();
  }

  verify(): Promise<void> {
    return this.#witness.verify();
  }

  /** A server that joins a cluster while it is in use says so in its replies. */
  faultAfter(error: ErrorReply | undefined): string | null {
    return /^(MOVED|ASK|CLUSTERDOWN) /.test(error?.message ?? '') ? (error?.message ?? '') : null;
  }

  async masters() {
    return [this.client];
  }

  destroy(): void {
    this.client.destroy();
  }
}
