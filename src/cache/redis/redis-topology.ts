import { ErrorReply } from '@redis/client';
import type { RedisClient, SingleClient } from './redis-client.js';

/**
 * The servers of a Redis as they were found: one server, the masters of a cluster, or the master that the sentinels
 * name. It is connected once and destroyed at the first sign of trouble; RedisConnection then finds a new one.
 */
export interface RedisTopology {
  /** Usable once `connect` has resolved. */
  readonly client: RedisClient;

  /** @throws when the servers cannot be used. The caller then destroys the topology. */
  connect(): Promise<void>;

  /**
   * Identifies the servers: differs after every restart, failover or change of a cluster's slots.
   *
   * @throws unless every server answers.
   */
  identity(): Promise<string>;

  /** @throws when a server does not answer, or no longer has what it held. Called every second. */
  verify(): Promise<void>;

  /** Why the topology must not be used any longer, or null. Called for each reply, before it is used. */
  faultAfter(error: ErrorReply | undefined): string | null;

  /** The servers that hold the keys, for commands that must be sent to each of them. */
  masters(): Promise<readonly SingleClient[]>;

  /** Ends all connections at once, also while `connect` is running. */
  destroy(): void;
}

/** @param onTrouble may be called at any time, and more than once. */
export type CreateTopology = (onTrouble: (why: string) => void) => RedisTopology;

/**
 * Changes on every restart (`run_id`) and on every failover or resynchronisation (`master_replid`). Null when the server
 * does not say: INFO is not permitted to the user (`-@dangerous`), or a proxy or a compatible server lacks the fields.
 */
export async function identityOf(client: { info(section: string): Promise<string> }): Promise<string | null> {
  try {
    const [server, replication] = await Promise.all([client.info('server'), client.info('replication')]);
    const fields = [field(server, 'run_id'), field(replication, 'master_replid')];
    return fields.includes('') ? null : fields.join(' ');
  } catch (error) {
    if (error instanceof ErrorReply) return null;
    throw error;
  }
}

function field(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';
}
