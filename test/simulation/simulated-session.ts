import type { OutboxChannel, OutboxSession, Query } from '../../src/outbox/outbox-session.js';
import { Connection, type Network } from './link.js';
import type { SimulatedPostgres, Transaction } from './simulated-postgres.js';

/** As the relay's connection is given by PostgreSQL: a transaction that waits for its process for so long is ended. */
const IDLE_IN_TRANSACTION_MS = 1000;
const CHANNELS: readonly OutboxChannel[] = ['platform_changes', 'platform_events'];

/** One connection to PostgreSQL with the transaction that is open on it. */
export class PostgresConnection {
  readonly #connection: Connection;
  #open: Transaction | null = null;
  #lastStatement = 0;
  #stopListening: () => void = () => {};

  constructor(
    private readonly network: Network,
    private readonly postgres: SimulatedPostgres,
    onLost: () => void,
    /** Whether idle transactions end. */
    private readonly isWatched = false,
  ) {
    this.#connection = new Connection(network, onLost, () => this.#ended());
  }

  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  begin(): Promise<void> {
    return this.#connection.send(() => {
      // Sent before the client went: the session ends with it, and so would the transaction.
      if (this.isClosed) throw new Error('The session has ended');
      this.#open = this.postgres.begin();
      this.#watch(this.#open);
    });
  }

  /** @param execute runs at the server, in the open transaction if there is one. */
  statement<T>(execute: (by: Transaction | undefined) => T | Promise<T>): Promise<T> {
    return this.#connection.send(async () => {
      const by = this.#open ?? undefined;
      if (by?.hasEnded) throw new Error('The session has ended');
      const result = await execute(by);
      this.#lastStatement = this.network.world.now;
      return result;
    });
  }

  end(how: 'commit' | 'rollBack'): Promise<void>;
  /** @param then runs at the server, at the same moment. */
  end<T>(how: 'commit', then: () => T): Promise<T>;
  end(how: 'commit' | 'rollBack', then?: () => unknown): Promise<unknown> {
    return this.#connection.send(() => {
      const open = this.#open;
      this.#open = null;
      open?.[how]();
      return then?.();
    });
  }

  listen(wake: (channel: OutboxChannel) => void): Promise<void> {
    return this.#connection.send(() => {
      const { world, client } = this.network;
      const stop = this.postgres.listen((channel) => {
        if (!this.isClosed && !this.network.cut)
          world.after(this.network.delayMs(), () => wake(channel), client);
      });
      this.#stopListening = stop;
    });
  }

  close(): void {
    this.#connection.close();
  }

  #watch(transaction: Transaction): void {
    if (!this.isWatched) return;
    const { world } = this.network;
    this.#lastStatement = world.now;
    const look = (): void => {
      if (transaction.hasEnded) return;
      if (world.now - this.#lastStatement < IDLE_IN_TRANSACTION_MS)
        world.after(IDLE_IN_TRANSACTION_MS / 10, look, this.network.server);
      else {
        world.say('ends a transaction that is idle');
        this.#connection.lose('idle in transaction');
      }
    };
    world.after(IDLE_IN_TRANSACTION_MS / 10, look, this.network.server);
  }

  /** At the server: what was not committed is undone. */
  #ended(): void {
    this.#stopListening();
    this.#open?.rollBack();
  }
}

/** As PostgresOutboxSession: one connection, transactions one after another, a new connection after the loss of one. */
export class SimulatedSession implements OutboxSession {
  #connection: PostgresConnection | null = null;
  readonly pollMs = 1000;
  readonly #wakers = new Map<OutboxChannel, () => void>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly network: Network,
    private readonly postgres: SimulatedPostgres,
  ) {}

  onNotification(channel: OutboxChannel, wake: () => void): void {
    this.#wakers.set(channel, wake);
  }

  transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return this.#inTurn(async (connection) => {
      const query = ((sql: string, parameters: unknown[] = []) =>
        connection.statement((by) => this.postgres.run(sql, parameters, by))) as Query;
      try {
        await connection.begin();
        const result = await work(query);
        await connection.end('commit');
        return result;
      } catch (error) {
        await connection.end('rollBack').catch(() => this.#drop(connection));
        throw error;
      }
    });
  }

  readonly statement = ((sql: string, parameters: unknown[] = []) =>
    this.#inTurn((connection) => connection.statement(() => this.postgres.run(sql, parameters)))) as Query;

  async close(): Promise<void> {
    this.#connection?.close();
  }

  #inTurn<T>(work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => work(this.#connection ?? (await this.#connect())));
    this.#last = result.catch(() => {});
    return result;
  }

  async #connect(): Promise<PostgresConnection> {
    const connection: PostgresConnection = new PostgresConnection(
      this.network,
      this.postgres,
      () => this.#drop(connection),
      true,
    );
    await connection.listen((channel) => {
      if (CHANNELS.includes(channel)) this.#wakers.get(channel)?.();
    });
    this.#connection = connection;
    return connection;
  }

  #drop(connection: PostgresConnection): void {
    if (this.#connection === connection) this.#connection = null;
    connection.close();
  }
}
