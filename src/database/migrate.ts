import { DataSource, type DataSourceOptions, MigrationExecutor } from 'typeorm';

// Any number will do, as long as every process of this application uses the same: "PMGR".
const MIGRATION_LOCK = 0x504d4752;

/**
 * Applies pending migrations, all in one transaction, on one connection that holds an advisory lock: of several
 * processes that start together one migrates, the others wait and find nothing to do. The connection is its own
 * because a migration may take longer than any request may; closing it releases the lock.
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
