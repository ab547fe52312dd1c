import { DataSource, type DataSourceOptions } from 'typeorm';
import type { AppConfig } from '../config/app-config.js';
import { AdmissionGate } from '../database/admission-gate.js';
import { dataSourceOptions } from '../database/data-source-options.js';
import { isDatabaseUnavailable } from '../database/database-errors.js';
import { Database } from '../database/database.js';
import { EmbeddedPostgres } from '../database/embedded-postgres.js';
import { migrate } from '../database/migrate.js';
import { CommandFailed } from './command-failed.js';
import { ENTITIES } from './entities.js';

/**
 * Applies pending migrations.
 *
 * @returns their names.
 * @throws {CommandFailed} when the database cannot be reached.
 * @throws {DirectoryInUse} when another process has the embedded database open.
 */
export async function migrateDatabase(config: AppConfig): Promise<string[]> {
  return withOptions(config, (options) => migrate(options));
}

/**
 * Migrates the database that the API would use, then runs `work` on it.
 *
 * @throws {CommandFailed} when the database cannot be reached.
 * @throws {DirectoryInUse} when another process has the embedded database open.
 */
export async function withDatabase<T>(
  config: AppConfig,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  return withOptions(config, async (options) => {
    await migrate(options);
    const dataSource = await new DataSource({ ...options, entities: ENTITIES }).initialize();
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
  } catch (error) {
    const reason = connectionFailure(error);
    if (reason === null) throw error;
    throw new CommandFailed(`DATABASE_URL cannot be used: ${reason}`, { cause: error });
  } finally {
    await embedded?.close();
  }
}

/** The reason why the connection failed. Null for any other kind of error. */
function connectionFailure(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // SQLSTATE class 28: wrong user or password. 3D000: there is no such database.
  const refused = code.startsWith('28') || code === '3D000' || isDatabaseUnavailable(error);
  return refused ? error.message || code : null;
}
