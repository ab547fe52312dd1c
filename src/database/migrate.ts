import { DataSource, type DataSourceOptions, MigrationExecutor, type QueryRunner } from 'typeorm';
import { PoolClient } from './pool-client.js';
import { placeOf, requireOwnSession } from './pooler.js';
import { ADOPT_PRIMARY } from './primary.js';
import { UnsuitableDatabase } from './start-failures.js';

// An arbitrary number that every process of this application shares: "PMGR".
const MIGRATION_LOCK = 0x504d4752;

/**
 * Applies pending migrations in one transaction, on one connection that holds an advisory lock: when several processes start
 * together, one migrates and the others wait and find nothing to do. It uses its own connection because a migration may take
 * longer than any request may. Closing the connection releases the lock.
 *
 * @param options without time-outs.
 * @returns the names of the migrations that were applied, and which database it was.
 * @throws {UnsuitableDatabase} when it cannot hold every text, or when a pooler leaves this process no session of its own.
 */
export async function migrate(options: DataSourceOptions): Promise<{ applied: string[]; place: string }> {
  const dataSource = new DataSource(options);
  await dataSource.initialize();
  try {
    const runner = dataSource.createQueryRunner();
    await requireOwnSession(dataSource);
    await requireUtf8(runner);
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'all';
    const applied = await executor.executePendingMigrations();
    if (((await runner.connect()) as unknown) instanceof PoolClient) await runner.query(ADOPT_PRIMARY);
    await runner.release();
    return { applied: applied.map((migration) => migration.name), place: await placeOf(dataSource) };
  } finally {
    await dataSource.destroy();
  }
}

/** In another encoding a name with an emoji would be an error, or, in SQL_ASCII, any bytes. */
async function requireUtf8(runner: QueryRunner): Promise<void> {
  const [found] = (await runner.query(
    `SELECT current_database() AS name, current_setting('server_encoding') AS encoding`,
  )) as unknown as [{ name: string; encoding: string }];
  if (found.encoding === 'UTF8') return;
  throw new UnsuitableDatabase(
    `the database ${found.name} has the encoding ${found.encoding}, not UTF8: ` +
      `create another one, CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`,
  );
}
