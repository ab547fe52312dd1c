import { type SingleClient, createSingleClient } from './redis-client.js';
import { type CreateTopology, type RedisTopology, identityOf } from './redis-topology.js';

class SingleTopology implements RedisTopology {
  readonly client: SingleClient;

  constructor(url: string, onTrouble: (why: string) => void) {
    this.client = createSingleClient(url);
    this.client.on('error', (error: Error) => onTrouble(error.message));
  }

  async connect(): Promise<void> {
    await this.client.connect();
  }

  identity(): Promise<string> {
    return identityOf(this.client);
  }

  faultAfter(): null {
    return null;
  }

  async masters() {
    return [this.client];
  }

  destroy(): void {
    this.client.destroy();
  }
}

export function singleTopology(url: string): CreateTopology {
  return (onTrouble) => new SingleTopology(url, onTrouble);
}
