import { type Command, Option } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { CommandFailed } from './command-failed.js';
import { listed, say } from './output.js';
import { progressOn } from './progress.js';
import type { ExportFormat } from './transfer/export-text.js';

export function registerCredentialsExport(program: Command): void {
  program
    .command('credentials:export')
    .description('write all connections with their credentials to a file that is sealed with a passphrase')
    .argument('<file>', 'a file that does not exist yet; only you may read it')
    .addOption(new Option('--format <format>', 'of what is sealed').choices(['csv', 'json']).default('csv'))
    .addHelpText(
      'after',
      `
  CREDENTIALS_PASSPHRASE   at least 12 characters; or CREDENTIALS_PASSPHRASE_FILE; neither set: asked on the terminal
credentials:import reads the file. It holds what the API lets people write. Statuses, activities, API keys and what renews
tokens by OAuth are not in it: to move a whole installation, move its database.`,
    )
    .action((file: string, { format }: { format: ExportFormat }) => exportFile(file, format));
}

async function exportFile(file: string, format: ExportFormat): Promise<void> {
  // This process serves no requests, so it neither warms the cache nor watches connections.
  const config = loadConfig({ ...process.env, CACHE_WARM_USERS: '0', WATCH_ENABLED: 'false' });
  const { newPassphrase } = await import('./transfer/passphrase.js');
  const { writePrivately } = await import('./transfer/private-file.js');
  const secret = await newPassphrase();
  const { withApp } = await import('./with-app.js');
  const { AuditLog } = await import('../audit/audit-log.js');
  const { sealed } = await import('../crypto/sealed-stream.js');
  const { PlatformExport } = await import('../platforms/transfer/platform-export.js');
  const { UsersService } = await import('../users/users.service.js');
  const { exportText } = await import('./transfer/export-text.js');
  await withApp(config, async (app) => {
    const connections = app.get(PlatformExport);
    const count = await connections.count();
    // Before the first credential is decrypted: what ends here has recorded too much, never too little.
    await app
      .get(AuditLog)
      .write({ action: 'credentials.export', outcome: 'begun', detail: `${count} platform connections` });
    const unreadable: number[] = [];
    let written = 0;
    const progress = progressOn(process.stderr);
    const text = exportText(connections, app.get(UsersService), format, (page) => {
      unreadable.push(...page.unreadable);
      written += page.written;
      progress.advanced(page.written + page.unreadable.length);
    });
    progress.started('platform connections', count);
    await writePrivately(file, sealed(text, secret)).finally(() => progress.finished());
    say(`Exported ${written} platform connections to ${file}.`);
    if (unreadable.length === 0) return;
    throw new CommandFailed(
      `${unreadable.length} rows cannot be decrypted or have a broken seal (needs_reconnect), and are not in the file: ${listed(unreadable)}.`,
    );
  });
}
