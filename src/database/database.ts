import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { OutageLog } from '../common/outage-log.js';
import { AdmissionGate } from './admission-gate.js';
import { DatabaseUnavailable, codeOf, isDatabaseUnavailable } from './database-errors.js';

/** The only way to PostgreSQL for features: a connection is held for one load or one transaction and always released. */
@Injectable()
export class Database {
  readonly #outage = new OutageLog(new Logger('Database'), 'PostgreSQL answers again.');

  constructor(
    private readonly dataSource: DataSource,
    private readonly gate: AdmissionGate,
  ) {}

  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it rejects. Behind the admission gate;
   * `work` must ask for nothing else that is, or all of them could hold what each of them waits for.
   *
   * @throws {DatabaseBusy} when its turn cannot come in time.
   * @throws {DatabaseUnavailable} when PostgreSQL does not answer; whatever `work` throws otherwise.
   */
  async transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.gate.run('transaction', () => this.translating(() => this.dataSource.transaction(work)));
  }

  /**
   * Runs reads that take their connection from the pool, behind the admission gate.
   *
   * @throws {DatabaseBusy} when its turn cannot come in time.
   * @throws {DatabaseUnavailable} when PostgreSQL does not answer.
   */
  async load<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.gate.run('load', () => this.translating(() => work(this.dataSource.manager)));
  }

  /**
   * Runs one statement that commits by itself: one round trip, where a transaction takes three. Behind the gate too.
   *
   * @returns the rows of a SELECT or an INSERT … RETURNING.
   * @throws {DatabaseBusy | DatabaseUnavailable}
   */
  async statement<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.load((manager) => manager.query<Row[]>(sql, [...parameters]));
  }

  private async translating<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
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
