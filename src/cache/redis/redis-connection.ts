import type { ErrorReply } from '@redis/client';
import { CacheUnavailable, whyOf } from '../cache-errors.js';
import { withDeadline } from '../deadline.js';
import type { RedisClient, SingleClient } from './redis-client.js';
import type { CreateTopology, RedisTopology } from './redis-topology.js';

/** After that a topology that does not connect is destroyed. */
const CONNECT_TIMEOUT_MS = 5000;
/** How long one probe waits for it. The next probe waits for the same topology. */
const CONNECT_WAIT_MS = 500;
const PING_INTERVAL_MS = 1000;
const PING_TIMEOUT_MS = 5000;

/**
 * The process's connection to Redis, for as long as the process lives.
 *
 * It uses one topology after another. A topology ends at the first sign of trouble: a client that reconnects or follows
 * a failover by itself would go on reading from a server that may have lost invalidations, before they are repeated.
 * Nothing here reconnects by a timer: the breaker's probes call `identity`, which finds the next topology.
 */
export class RedisConnection {
  #topology: RedisTopology | null = null;
  #connecting: Promise<RedisTopology> | null = null;
  #cancelConnecting: (reason: Error) => void = () => {};
  #onTrouble: (why: string) => void = () => {};
  #pingTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    private readonly createTopology: CreateTopology,
    private readonly deadlineMs: number,
  ) {}

  /** @throws {CacheUnavailable} while there is no connection. */
  get client(): RedisClient {
    if (this.#topology === null) throw noConnection();
    return this.#topology.client;
  }

  /** @param listener is called when a connection that was in use is lost: what was read through it cannot be trusted. */
  onTrouble(listener: (why: string) => void): void {
    this.#onTrouble = listener;
  }

  /**
   * Identifies the servers: differs after every restart, failover or change of a cluster's slots. Connects first if
   * necessary.
   *
   * @throws when a server does not answer in time. The connection has ended then.
   */
  async identity(): Promise<string> {
    const topology =
      this.#topology ?? (await withDeadline((this.#connecting ??= this.#connect()), CONNECT_WAIT_MS));
    try {
      return await withDeadline(topology.identity(), this.deadlineMs);
    } catch (error) {
      this.#end(topology, whyOf(error));
      throw error;
    }
  }

  /**
   * Call it with each reply before the reply is used: a reply can show that the servers have changed.
   *
   * @param error when the reply was an error.
   */
  replied(error?: ErrorReply): void {
    const topology = this.#topology;
    if (topology === null) return;
    const fault = topology.faultAfter(error);
    if (fault !== null) this.#end(topology, fault);
  }

  /** The servers that hold the keys, for commands that must be sent to each of them. Empty without a connection. */
  async masters(): Promise<readonly SingleClient[]> {
    return this.#topology?.masters() ?? [];
  }

  close(): void {
    this.#closed = true;
    this.#cancelConnecting(noConnection());
    this.#release();
  }

  async #connect(): Promise<RedisTopology> {
    // Trouble before the topology is in use makes `connect` fail; #end ignores it.
    const topology = this.createTopology((why) => this.#end(topology, why));
    // After a destroy, node-redis may leave its own promise pending: hence the race.
    const cancelled = new Promise<never>((_, reject) => (this.#cancelConnecting = reject));
    try {
      await withDeadline(Promise.race([topology.connect(), cancelled]), CONNECT_TIMEOUT_MS);
      // `close` may have been called after `connect` resolved and before this line runs.
      if (this.#closed) throw noConnection();
    } catch (error) {
      topology.destroy();
      throw error;
    } finally {
      this.#connecting = null;
    }
    this.#topology = topology;
    this.#schedulePing(topology);
    return topology;
  }

  /**
   * Ends the connection to a server that hangs. The client's own `socketTimeout` must not do that: it fires after this
   * process has been stalled for as long, although the reply lies unread in the socket. withDeadline reads it first.
   */
  #schedulePing(topology: RedisTopology): void {
    this.#pingTimer = setTimeout(() => void this.#ping(topology), PING_INTERVAL_MS).unref();
  }

  async #ping(topology: RedisTopology): Promise<void> {
    try {
      await withDeadline(topology.verify(), PING_TIMEOUT_MS);
    } catch (error) {
      this.#end(topology, whyOf(error));
    }
    if (topology === this.#topology) this.#schedulePing(topology);
  }

  #end(topology: RedisTopology, why: string): void {
    if (topology !== this.#topology) return;
    this.#release();
    this.#onTrouble(why);
  }

  #release(): void {
    clearTimeout(this.#pingTimer);
    const topology = this.#topology;
    // First, so that the trouble which the client reports while it is destroyed finds nothing to end.
    this.#topology = null;
    topology?.destroy();
  }
}

function noConnection(): CacheUnavailable {
  return new CacheUnavailable('redis-unavailable', 'There is no connection to Redis');
}
