import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import { DataSource } from 'typeorm';
import { EXTENSIONS } from '../database/embedded-postgres.js';
import { MIGRATIONS } from '../database/migrations/index.js';
import { ENTITIES } from './entities.js';

// Objects that a reverted migration can leave behind: relations, functions and types. Extensions and the table of applied
// migrations are expected to stay.
const LEFT_BEHIND_SQL = `
  SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '^(migrations|PK_)'
  UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
  UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')`;

const pglite = new PGlite({ extensions: EXTENSIONS });
const dataSource = new DataSource({
  type: 'postgres',
  entities: ENTITIES,
  migrations: MIGRATIONS,
  installExtensions: false,
  extra: { ...createPgConfig(pglite), max: 1, idleTimeoutMillis: 0 },
});
await dataSource.initialize();
const left = await leftBehind().catch((error: Error) => [
  `A migration cannot be applied or reverted: ${error.message}`,
]);
const faults = left.length > 0 ? left : await drift();
await dataSource.destroy();
await pglite.close();

for (const fault of faults) process.stderr.write(`${fault}\n`);
if (faults.length > 0) process.exitCode = 1;

/** Applies all migrations and reverts them. If nothing is left behind, applies them again. */
async function leftBehind(): Promise<string[]> {
  await dataSource.runMigrations();
  for (let count = 0; count < MIGRATIONS.length; count++) await dataSource.undoLastMigration();
  const rest = await dataSource.query<{ name: string }[]>(LEFT_BEHIND_SQL);
  if (rest.length === 0) await dataSource.runMigrations();
  return rest.map(({ name }) => `The reverted migrations leave ${name} behind.`);
}

/** The statements that would turn the migrated schema into the one that the entities describe. */
async function drift(): Promise<string[]> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => `The entities differ from the migrations: ${query}`);
}
