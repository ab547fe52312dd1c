import { DataSource, type DataSourceOptions, MigrationExecutor } from 'typeorm';

// An arbitrary number that every process of this application shares: "PMGR".
const MIGRATION_LOCK = 0x504d4752;

/**
 * Applies pending migrations in one transaction, on one connection that holds an advisory lock: when several processes start
 * together, one migrates and the others wait and find nothing to do. It uses its own connection because a migration may take
 * longer than any request may. Closing the connection releases the lock.
 *
 * @param options without time-outs.
 * @returns the names of the migrations that were applied.
 */
export async function migrate(options: DataSourceOptions): Promise<string[]> {
  const dataSource = new DataSource(options);
  await dataSource.initialize();
  try {
    const runner = dataSource.createQueryRunner();
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'all';
    const applied = await executor.executePendingMigrations();
    await runner.release();
    return applied.map((migration) => migration.name);
  } finally {
    await dataSource.destroy();
  }
}
