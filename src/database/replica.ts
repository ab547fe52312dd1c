import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import { AdmissionGate, DatabaseBusy } from './admission-gate.js';
import { codeOf } from './database-errors.js';
import { Database } from './database.js';

/** Searches are few; that many at once are enough. */
const POOL_SIZE = 3;
/** For so long a replica that did not answer is not asked again. */
const AWAY_MS = 5000;

/** Reads that may be a little old, and are never what a cache is filled with. From a replica where there is one. */
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
   * Runs reads on the replica; on the primary where there is none, or it fails: it may be away, or still lack what a
   * migration has made. What is wrong with the read itself is wrong there too.
   *
   * @throws {DatabaseBusy | DatabaseUnavailable}
   */
  async load<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const { replicaUrl } = this.config.database;
    if (replicaUrl === null || performance.now() < this.#awayUntil) return this.database.load(work);
    try {
      const source = await (this.#source ??= this.#connect(replicaUrl));
      return await this.#gate.run('load', () => work(source.manager));
    } catch (error) {
      if (error instanceof DatabaseBusy) throw error;
      this.#awayUntil = performance.now() + AWAY_MS;
      this.#logger.warn(`The replica fails, the primary is asked: ${codeOf(error) ?? 'no connection'}`);
      return this.database.load(work);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    // One that could not be connected to has nothing to close.
    const source = await this.#source?.catch(() => null);
    await source?.destroy();
  }

  async #connect(url: string): Promise<DataSource> {
    const source = new DataSource({
      ...(this.primary.options as typeof this.primary.options & { type: 'postgres' }),
      url,
      poolSize: POOL_SIZE,
      applicationName: 'platform-manager replica',
    });
    try {
      return await source.initialize();
    } catch (error) {
      this.#source = null;
      throw error;
    }
  }
}
