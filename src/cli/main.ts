import { Command } from 'commander';
import { OPERATOR, onBehalfOf } from '../audit/audit-origin.js';
import { keepCompiledCode } from '../common/compile-cache.js';
import { DomainError } from '../common/domain-error.js';
import { StartFailure } from '../common/start-failure.js';
import type { AppConfig } from '../config/app-config.js';
import { ConfigurationError, loadConfig } from '../config/load-config.js';
import { UnusableDataDir } from '../config/private-folder.js';
import { FernetKey } from '../crypto/fernet.js';
import { DirectoryInUse } from '../database/directory-lock.js';
import { registerAuditVerify } from './audit-verify.js';
import { registerCacheWarm } from './cache-warm.js';
import { CommandFailed } from './command-failed.js';
import { registerCredentialsExport } from './credentials-export.js';
import { registerCredentialsImport } from './credentials-import.js';
import { registerCredentialsSeal } from './credentials-seal.js';
import { registerDoctor } from './doctor.js';
import { registerKeysRotate } from './keys-rotate.js';
import { registerMcp } from './mcp.js';
import { say } from './output.js';
import { registerRestoreFinish } from './restore-finish.js';
import { registerUsers } from './users.js';

// For what the actions load.
keepCompiledCode();
// Node asks for the source map of a module when it loads it.
process.setSourceMapsEnabled(true);

// Each action loads its own dependencies: help and keys:generate need neither the database nor the application.
const program = new Command('npm run cli --')
  .description('Operator commands. They read the same environment variables as the API.')
  .showHelpAfterError();

program
  .command('migrate')
  .description('apply pending database migrations (the API does the same when it starts)')
  .action(async () => {
    const config = loadConfig(process.env);
    const { migrateDatabase } = await import('./with-database.js');
    const applied = await migrateDatabase(config);
    say(
      applied.length === 0
        ? `The database (${databaseOf(config)}) is up to date.`
        : `Applied to the database (${databaseOf(config)}): ${applied.join(', ')}.`,
    );
  });

program
  .command('keys:generate')
  .description('print a new Fernet key for PLATFORM_ENCRYPTION_KEY')
  .action(() => say(FernetKey.generate()));

program
  .command('cache:flush')
  .description("drop all of this application's cache entries from Redis, and no other keys")
  .action(async () => {
    const config = loadConfig(process.env);
    const { flushCache } = await import('./flush-cache.js');
    const dropped = await flushCache(config);
    say(`Dropped ${dropped} ${dropped === 1 ? 'key' : 'keys'} from the cache.`);
  });

registerDoctor(program);
registerUsers(program);
registerCacheWarm(program);
registerKeysRotate(program);
registerCredentialsSeal(program);
registerCredentialsImport(program);
registerCredentialsExport(program);
registerRestoreFinish(program);
registerAuditVerify(program);
registerMcp(program);

try {
  await onBehalfOf(OPERATOR, () => program.parseAsync());
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
}

function databaseOf({ database: { target } }: AppConfig): string {
  switch (target.kind) {
    case 'embedded':
      return `embedded in ${target.dataDir}`;
    case 'postgres':
      return 'DATABASE_URL';
  }
}

/** Includes the stack only for an unexpected error. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected = [
    CommandFailed,
    ConfigurationError,
    DirectoryInUse,
    DomainError,
    StartFailure,
    UnusableDataDir,
  ];
  return expected.some((type) => error instanceof type) ? error.message : (error.stack ?? error.message);
}
