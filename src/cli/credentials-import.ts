import type { Command } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { CommandFailed } from './command-failed.js';
import { say } from './output.js';
import { progressOn } from './progress.js';
import type { ImportTotals } from './transfer/import-run.js';

interface Options {
  readonly dryRun?: boolean;
  readonly createUsers?: boolean;
}

export function registerCredentialsImport(program: Command): void {
  program
    .command('credentials:import')
    .description('import connections from a CSV or JSON file, or from one of credentials:export')
    .argument('<file>', 'CSV with a line that names the columns, JSON objects, or a sealed file')
    .option('--dry-run', 'check each line against the database and the lines before it, and write nothing')
    .option('--create-users', 'create the accounts that do not exist, without a password')
    .addHelpText(
      'after',
      `
Columns: user_email, name, platform_type, instance_url and access_token; username, client_key, client_secret, is_active
and is_default if you have them. An account is found by its address (user_email).
  CREDENTIALS_IMPORT_KEY   the Fernet keys that the file's secrets are encrypted with; not set: they are plain text
  CREDENTIALS_PASSPHRASE   of a sealed file; not set: asked on the terminal
Each may come from a file: CREDENTIALS_IMPORT_KEY_FILE, CREDENTIALS_PASSPHRASE_FILE.

A line that cannot be imported is reported and left out; the others are imported. The command can be killed and repeated:
lines that were imported are recognised by person, instance and account. docs/moving.md has all of it.`,
    )
    .action((file: string, options: Options) => importFile(file, options));
}

async function importFile(file: string, { dryRun = false, createUsers = false }: Options): Promise<void> {
  // This process serves no requests, so it neither warms the cache nor watches connections.
  const config = loadConfig({ ...process.env, CACHE_WARM_USERS: '0', WATCH_ENABLED: 'false' });
  const { importKeys } = await import('./transfer/import-keys.js');
  const { openTransferFile } = await import('./transfer/transfer-file.js');
  const { ImportReader } = await import('./transfer/import-reader.js');
  const reader = new ImportReader(config, importKeys());
  const progress = progressOn(process.stderr);
  const source = await openTransferFile(file, (bytes) => progress.advanced(bytes));
  const { withApp } = await import('./with-app.js');
  const { AuditLog } = await import('../audit/audit-log.js');
  const { PlatformImport } = await import('../platforms/transfer/platform-import.js');
  const { UsersService } = await import('../users/users.service.js');
  const { importAccounts } = await import('./transfer/import-accounts.js');
  const { ImportRun } = await import('./transfer/import-run.js');
  await withApp(config, async (app) => {
    const accounts = importAccounts(app.get(UsersService), createUsers);
    const run = new ImportRun(reader, app.get(PlatformImport), accounts, sayBesideProgress, dryRun);
    let isComplete = false;
    progress.started('bytes', source.bytes);
    try {
      await run.run(source.records);
      isComplete = true;
    } finally {
      progress.finished();
      if (!isComplete) say('The import stopped before the end of the file.');
      say(summaryOf(run.totals, dryRun));
      if (!dryRun) {
        const outcome = isComplete && run.totals.failed === 0 ? 'done' : 'incomplete';
        await app
          .get(AuditLog)
          .write({ action: 'credentials.import', outcome, detail: countsOf(run.totals) });
      }
    }
    if (run.totals.failed > 0)
      throw new CommandFailed(
        'Some lines failed. Correct them and run the command again: it leaves the others as they are.',
      );
  });
}

/** A progress bar stands in the last line of a terminal. */
function sayBesideProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  say(line);
}

function summaryOf(totals: ImportTotals, dryRun: boolean): string {
  return dryRun
    ? `Nothing was written. An import would do this: ${countsOf(totals)}.`
    : `Done: ${countsOf(totals)}.`;
}

function countsOf({ imported, present, created, failed }: ImportTotals): string {
  return `${imported} connections imported, ${created} accounts created, ${present} lines already there, ${failed} lines failed`;
}
