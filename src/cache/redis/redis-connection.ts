import { type ErrorReply } from 'redis';
import { withDeadline } from '../deadline.js';
import { type RedisCommands, type RedisNode, createRedisClient } from './redis-client.js';

export interface ConnectionListener {
  /** Whatever is read from now on, or was asked for before, is not to be trusted. */
  trouble(why: string): void;
  /** It may be worth a probe. */
  ready(): void;
}

/** The way to Redis, for as long as the process lives. */
export interface RedisConnection {
  /** @throws {CacheUnavailable} while there is none. */
  readonly client: RedisCommands;

  /** Connects, or begins to; trouble is told, not thrown. */
  open(listener: ConnectionListener): Promise<void>;

  /**
   * Who answers: differs after every restart, failover or change of a cluster's slots.
   *
   * @throws when not everybody answers, in bounded time.
   */
  identity(): Promise<string>;

  /**
   * To be told each reply before it is used. May find trouble in it, which ends the trust in it too.
   *
   * @param error when the reply was an error.
   */
  replied(error?: ErrorReply): void;

  /** Who has the keys, for what cannot be asked of all at once. Empty while there is no connection. */
  masters(): Promise<readonly Pick<RedisNode, 'scan' | 'unlink'>[]>;

  close(): void;
}

/** One server. The client comes back to it by itself. */
export class SingleRedis implements RedisConnection {
  readonly #client;

  constructor(
    url: string,
    private readonly deadlineMs: number,
  ) {
    this.#client = createRedisClient(url);
  }

  get client(): RedisCommands {
    return this.#client;
  }

  async open(listener: ConnectionListener): Promise<void> {
    // Without a listener the process would die of the first lost connection.
    this.#client.on('error', (error: Error) => listener.trouble(error.message));
    this.#client.on('ready', () => listener.ready());
    try {
      // Connecting is repeated for ever by the client's own strategy; its errors reach the listener above.
      await this.#client.connect();
    } catch (error) {
      listener.trouble(error instanceof Error ? error.message : String(error));
    }
  }

  identity(): Promise<string> {
    return withDeadline(identityOf(this.#client), this.deadlineMs);
  }

  replied(): void {}

  async masters() {
    return [this.#client];
  }

  close(): void {
    this.#client.destroy();
  }
}

/** Changes on every restart (`run_id`) and on every failover or resynchronisation (`master_replid`). */
export async function identityOf(node: { info(section: string): Promise<string> }): Promise<string> {
  const [server, replication] = await Promise.all([node.info('server'), node.info('replication')]);
  return `${field(server, 'run_id')} ${field(replication, 'master_replid')}`;
}

function field(info: string, name: string): string {
  const line = info.split('\r\n').find((candidate) => candidate.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`Redis INFO has no ${name}`);
  return line.slice(name.length + 1);
}
