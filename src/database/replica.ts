import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import type { PostgresTarget } from '../config/postgres-target.js';
import { AdmissionGate, DatabaseBusy } from './admission-gate.js';
import { codeOf } from './database-errors.js';
import { Database } from './database.js';
import { postgresConnection, requestLimits } from './postgres-connection.js';

/** Enough, because searches are rare. */
const POOL_SIZE = 3;
/** How long a replica that did not answer is left alone. */
const AWAY_MS = 5000;

/** Reads that may be slightly old, from a replica if there is one. Never used to fill a cache. */
@Injectable()
export class Replica implements OnApplicationShutdown {
  readonly #logger = new Logger('Replica');
  readonly #gate: AdmissionGate;
  #source: Promise<DataSource> | null = null;
  #awayUntil = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly config: AppConfig,
    private readonly primary: DataSource,
    private readonly database: Database,
  ) {
    const { acquireTimeoutMs } = config.database;
    this.#gate = new AdmissionGate({ connections: POOL_SIZE, maxWaitMs: acquireTimeoutMs });
  }

  /**
   * Runs reads on the replica. Without one, or if it fails, the primary answers: the replica may be down, or may still lack
   * a migration. An error of the read itself repeats there.
   *
   * @throws {DatabaseBusy | DatabaseUnavailable}
   */
  async load<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const { replica } = this.config.database;
    if (replica === null || performance.now() < this.#awayUntil) return this.database.load(work);
    try {
      const source = await (this.#source ??= this.#connect(replica));
      return await this.#gate.run('load', () => work(source.manager));
    } catch (error) {
      if (error instanceof DatabaseBusy) throw error;
      this.#awayUntil = performance.now() + AWAY_MS;
      this.#logger.warn(`The replica fails, the primary is asked: ${codeOf(error) ?? 'no connection'}`);
      return this.database.load(work);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    // A failed connection has nothing to close.
    const source = await this.#source?.catch(() => null);
    await source?.destroy();
  }

  async #connect(target: PostgresTarget): Promise<DataSource> {
    const { statementTimeoutMs } = this.config.database;
    const limits = requestLimits(statementTimeoutMs);
    const { database } = target.connection;
    const source = new DataSource({
      ...(this.primary.options as typeof this.primary.options & { type: 'postgres' }),
      ...(database !== undefined && { database }),
      poolSize: POOL_SIZE,
      extra: postgresConnection(target, this.config.database, limits, 'platform-manager replica'),
    });
    try {
      return await source.initialize();
    } catch (error) {
      this.#source = null;
      throw error;
    }
  }
}
