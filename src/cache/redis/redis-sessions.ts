import type { ErrorReply } from 'redis';
import { CacheUnavailable } from '../cache-errors.js';
import { withDeadline } from '../deadline.js';
import type { RedisCommands } from './redis-client.js';
import type { ConnectionListener, RedisConnection } from './redis-connection.js';

/** Connections to several servers that are used as they are found, until the first trouble with any of them. */
export interface RedisSession {
  readonly client: RedisCommands;
  identity(): Promise<string>;
  /** Why it must not be used any longer, or null. Asked at each reply. */
  flaw(error: ErrorReply | undefined): string | null;
  masters: RedisConnection['masters'];
  destroy(): void;
}

/** @throws when what is found cannot be used; nothing stays open then. */
export type OpenSession = (onTrouble: (why: string) => void) => Promise<RedisSession>;

const OPEN_TIMEOUT_MS = 5000;

/**
 * Servers that take over from each other. Which of them is whose master is learned anew in each session, and a session
 * ends at the first sign of change: a client that follows a failover by itself would go on reading from a server that
 * may have lost invalidations, before anybody has made them good. The breaker's probes begin the next one.
 */
export class RedisSessions implements RedisConnection {
  #session: RedisSession | null = null;
  #opening: Promise<RedisSession> | null = null;
  #listener: ConnectionListener = { trouble: () => {}, ready: () => {} };
  #closed = false;

  constructor(
    private readonly openSession: OpenSession,
    private readonly deadlineMs: number,
  ) {}

  get client(): RedisCommands {
    if (this.#session === null) throw new CacheUnavailable('redis-unavailable', 'There is no connection');
    return this.#session.client;
  }

  async open(listener: ConnectionListener): Promise<void> {
    this.#listener = listener;
  }

  async identity(): Promise<string> {
    // One that takes too long goes on being opened, for the next probe.
    const session = this.#session ?? (await withDeadline((this.#opening ??= this.#begin()), OPEN_TIMEOUT_MS));
    try {
      return await withDeadline(session.identity(), this.deadlineMs);
    } catch (error) {
      this.#end(session, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  replied(error?: ErrorReply): void {
    const flaw = this.#session?.flaw(error) ?? null;
    if (flaw !== null) this.#end(this.#session, flaw);
  }

  async masters() {
    return this.#session?.masters() ?? [];
  }

  close(): void {
    this.#closed = true;
    this.#session?.destroy();
    this.#session = null;
  }

  async #begin(): Promise<RedisSession> {
    // The trouble of a session that is not open yet is thrown by it.
    let session: RedisSession | null = null;
    try {
      session = await this.openSession((why) => this.#end(session, why));
    } finally {
      this.#opening = null;
    }
    if (this.#closed) {
      session.destroy();
      throw new CacheUnavailable('redis-unavailable', 'The connection is closed');
    }
    this.#session = session;
    return session;
  }

  #end(session: RedisSession | null, why: string): void {
    if (session === null || session !== this.#session) return;
    this.#session = null;
    session.destroy();
    this.#listener.trouble(why);
  }
}
