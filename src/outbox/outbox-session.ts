import { Logger } from '@nestjs/common';
import { faultText } from '../common/fault-text.js';
import type { AppConfig } from '../config/app-config.js';
import type { PostgresTarget } from '../config/postgres-target.js';
import type { Database } from '../database/database.js';
import { BEGIN, PoolClient } from '../database/pool-client.js';
import { postgresConnection } from '../database/postgres-connection.js';
import { ADOPT_PRIMARY } from '../database/primary.js';

export type Query = <Row>(sql: string, parameters?: unknown[]) => Promise<Row[]>;

/** `platform_changes`: a new change. `platform_events`: newly published events. */
const CHANNELS = ['platform_changes', 'platform_events'] as const;
export type OutboxChannel = (typeof CHANNELS)[number];

/** Finds what was changed while a notification was lost, and takes part in what peers do. */
const POLL_MS = 1000;
/** There are no peers, and no notification is lost. Each poll costs milliseconds: the database runs in this process. */
const EMBEDDED_POLL_MS = 30_000;

/** Longer than a healthy process takes between two statements of a transaction: a drop, or a busy event loop. */
const LOCK_MS = 1000;
/** A drop takes up to four deadlines if the process itself is slow. */
const LOCK_DEADLINES = 5;

/** The relay's connection to the database. Runs one transaction at a time. */
export interface OutboxSession {
  /** How often to look for changes that no notification told of. */
  readonly pollMs: number;
  /** Commits when `work` resolves, rolls back when it rejects. */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /** Runs one statement that commits by itself, so a frozen process holds no locks. */
  readonly statement: Query;
  /** Calls `wake` after each notification on the channel. Call this before the first transaction. */
  onNotification(channel: OutboxChannel, wake: () => void): void;
  close(): Promise<void>;
}

/**
 * A separate connection beside the pool. It listens, and it must not wait for a connection while requests hold all of them:
 * they may be waiting for the relay.
 */
export class PostgresOutboxSession implements OutboxSession {
  readonly pollMs = POLL_MS;
  readonly #logger = new Logger('Outbox');
  #client: PoolClient | null = null;
  readonly #wakers = new Map<string, () => void>();
  #closed = false;
  // Transactions queue behind each other on the one connection. A failure reaches the caller of that transaction.
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly target: PostgresTarget,
    private readonly timeouts: AppConfig['database'],
    /** Of one call of the cache, in milliseconds. */
    private readonly cacheDeadlineMs: number,
  ) {}

  onNotification(channel: OutboxChannel, wake: () => void): void {
    this.#wakers.set(channel, wake);
  }

  transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return this.#inTurn(() => this.#transaction(work));
  }

  readonly statement: Query = (sql, parameters) =>
    this.#inTurn(async () => {
      const client = this.#client ?? (await this.#connect());
      return (await client.query(sql, parameters)).rows as never;
    });

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  async #transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const client = this.#client ?? (await this.#connect());
    const query: Query = async (sql, parameters) => (await client.query(sql, parameters)).rows as never;
    try {
      await query(BEGIN);
      const result = await work(query);
      await query('COMMIT');
      return result;
    } catch (error) {
      await query('ROLLBACK').catch(() => {
        // The connection itself has failed; ending it rolls back as well.
        this.#drop(client);
      });
      throw error;
    }
  }

  async #connect(): Promise<PoolClient> {
    if (this.#closed) throw new Error('The outbox session is closed.');
    const limits = {
      statementMs: this.timeouts.statementTimeoutMs,
      // Frees the rows of a frozen process soon: while they are pending, no process reads the cache.
      idleInTransactionMs: Math.max(LOCK_MS, LOCK_DEADLINES * this.cacheDeadlineMs),
    };
    const options = postgresConnection(this.target, this.timeouts, limits, 'platform-manager outbox');
    const client = new PoolClient(options);
    client.on('error', (error) => {
      this.#logger.warn(`The outbox connection was lost: ${faultText(error)}`);
      this.#drop(client);
    });
    client.on('notification', ({ channel }) => this.#wakers.get(channel)?.());
    try {
      await client.connect();
      await options.onConnect(client);
      for (const channel of CHANNELS) await client.query(`LISTEN ${channel}`);
      await client.query(ADOPT_PRIMARY);
    } catch (error) {
      // A standby refuses LISTEN; without this each attempt would leave a connection open.
      this.#drop(client);
      throw error;
    }
    this.#client = client;
    return client;
  }

  #drop(client: PoolClient): void {
    if (this.#client === client) this.#client = null;
    client.end().catch((error: unknown) => {
      this.#logger.debug(`The outbox connection did not end cleanly: ${faultText(error)}`);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#client?.end();
    this.#client = null;
  }
}

/**
 * The embedded database has one connection, which the outbox shares with everything else, and one process. So it hears of
 * every change at its COMMIT, from the same connection.
 */
export class EmbeddedOutboxSession implements OutboxSession {
  readonly pollMs = EMBEDDED_POLL_MS;
  readonly #wakers = new Map<string, () => void>();
  #listening = false;

  constructor(private readonly database: Database) {
    database.onNotification((channel) => this.#wakers.get(channel)?.());
  }

  async transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const result = await this.database.transaction(async (manager) => {
      const query: Query = (sql, parameters) => manager.query(sql, parameters);
      if (!this.#listening) for (const channel of CHANNELS) await query(`LISTEN ${channel}`);
      return work(query);
    });
    this.#listening = true;
    return result;
  }

  readonly statement: Query = (sql, parameters) =>
    this.#listening
      ? this.database.statement(sql, parameters)
      : this.transaction((query) => query(sql, parameters));

  onNotification(channel: OutboxChannel, wake: () => void): void {
    this.#wakers.set(channel, wake);
  }

  async close(): Promise<void> {}
}
