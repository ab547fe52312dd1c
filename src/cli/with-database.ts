import { DataSource, type DataSourceOptions } from 'typeorm';
import type { AppConfig } from '../config/app-config.js';
import { AdmissionGate } from '../database/admission-gate.js';
import { dataSourceOptions } from '../database/data-source-options.js';
import { Database } from '../database/database.js';
import { EmbeddedPostgres } from '../database/embedded-postgres.js';
import { migrate } from '../database/migrate.js';
import { openingDatabase } from '../database/start-failures.js';
import { ENTITIES } from './entities.js';

/**
 * Applies pending migrations.
 *
 * @returns their names.
 * @throws {StartFailure} when the database cannot be used.
 * @throws {DirectoryInUse} when another process has the embedded database open.
 */
export async function migrateDatabase(config: AppConfig): Promise<string[]> {
  return withOptions(config, async (options) => {
    const { applied } = await openingDatabase(config.database, 'direct', () => migrate(options));
    return applied;
  });
}

/**
 * Migrates the database that the API would use, then runs `work` on it.
 *
 * @throws {StartFailure} when the database cannot be used.
 * @throws {DirectoryInUse} when another process has the embedded database open.
 */
export async function withDatabase<T>(
  config: AppConfig,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  return withOptions(config, async (options) => {
    const dataSource = await openingDatabase(config.database, 'direct', async () => {
      await migrate(options);
      return new DataSource({ ...options, entities: ENTITIES }).initialize();
    });
    try {
      const gate = new AdmissionGate({ connections: 1, maxWaitMs: config.database.acquireTimeoutMs });
      return await work(new Database(dataSource, gate));
    } finally {
      await dataSource.destroy();
    }
  });
}

async function withOptions<T>(
  config: AppConfig,
  work: (options: DataSourceOptions) => Promise<T>,
): Promise<T> {
  const { target } = config.database;
  const embedded = target.kind === 'embedded' ? await EmbeddedPostgres.open(target.dataDir) : null;
  try {
    return await work(dataSourceOptions(config, embedded, 'none'));
  } finally {
    await embedded?.close();
  }
}
