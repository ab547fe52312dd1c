import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { OutageLog } from '../common/outage-log.js';
import { AdmissionGate } from './admission-gate.js';
import { DatabaseUnavailable, codeOf, isConflict, isDatabaseUnavailable } from './database-errors.js';
import { poolOf } from './pool.js';

/** How often work is done that conflicts with other transactions each time. */
const ATTEMPTS = 5;

/** The features' only way to PostgreSQL. A connection is held for one load or transaction and always released. */
@Injectable()
export class Database {
  readonly #ends = new WeakMap<EntityManager, Promise<boolean>>();
  readonly #outage = new OutageLog(new Logger('Database'), 'PostgreSQL answers again.');

  constructor(
    private readonly dataSource: DataSource,
    private readonly gate: AdmissionGate,
  ) {}

  /**
   * Runs `work` in one transaction: commits when it resolves, rolls back when it rejects. It waits at the admission gate, so
   * `work` must not wait there again: transactions that hold connections and wait for more would deadlock. After a
   * serialization failure or a deadlock `work` runs again, in a new transaction.
   *
   * @throws {DatabaseBusy} when its turn cannot come in time.
   * @throws {DatabaseUnavailable} when PostgreSQL does not answer; otherwise what `work` throws.
   */
  async transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.gate.run('transaction', () => this.translating(() => this.once(work)));
  }

  /**
   * Resolves when the transaction has ended: true if it is committed, false if it is not or if that is not known.
   *
   * @param manager what its `work` was given.
   */
  whenEnded(manager: EntityManager): Promise<boolean> {
    const end = this.#ends.get(manager);
    if (end === undefined) throw new Error('No transaction of this database is under way.');
    return end;
  }

  /**
   * Runs reads, each on a connection of the pool, after waiting at the admission gate.
   *
   * @throws {DatabaseBusy} when its turn cannot come in time.
   * @throws {DatabaseUnavailable} when PostgreSQL does not answer.
   */
  async load<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.gate.run('load', () => this.translating(() => work(this.dataSource.manager)));
  }

  /**
   * Runs one statement that commits by itself: one round trip instead of a transaction's three. Waits at the gate too.
   *
   * @returns the rows of a SELECT or an INSERT … RETURNING.
   * @throws {DatabaseBusy | DatabaseUnavailable}
   */
  async statement<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.load((manager) => manager.query<Row[]>(sql, [...parameters]));
  }

  /**
   * Calls `wake` with the channel of each notification that a connection of the pool receives. For the embedded database,
   * where the pool has one connection; see `PostgresOutboxSession` for others.
   */
  onNotification(wake: (channel: string) => void): void {
    const known = new WeakSet<PoolClient>();
    poolOf(this.dataSource).on('acquire', (client) => {
      if (known.has(client)) return;
      known.add(client);
      client.on('notification', ({ channel }) => wake(channel));
    });
  }

  private async once<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    let committed = false;
    let end!: (committed: boolean) => void;
    const ended = new Promise<boolean>((resolve) => (end = resolve));
    try {
      const result = await this.dataSource.transaction((manager) => {
        this.#ends.set(manager, ended);
        return work(manager);
      });
      committed = true;
      return result;
    } finally {
      end(committed);
    }
  }

  private async translating<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await repeated(work);
      this.#outage.succeeded();
      return result;
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error;
      const why = codeOf(error) ?? 'no connection';
      this.#outage.failed(
        `PostgreSQL does not answer: ${why}. Cached reads go on, everything else is refused.`,
      );
      throw new DatabaseUnavailable(error);
    }
  }
}

async function repeated<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || attempt === ATTEMPTS) throw error;
    }
  }
}
