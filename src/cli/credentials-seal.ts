import type { Command } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { CommandFailed } from './command-failed.js';
import { listed, say } from './output.js';

export function registerCredentialsSeal(program: Command): void {
  program
    .command('credentials:seal')
    .description('seal imported rows that have no seal and that a key of PLATFORM_ENCRYPTION_KEY decrypts')
    .addHelpText(
      'after',
      `
Rows without a seal are rejected (needs_reconnect), because nothing proves whose they are. By sealing them you confirm
that they are the rows you imported. Until then, ALLOW_UNSEALED_ROWS=true lets the API use them. Unset it afterwards.`,
    )
    .action(async () => {
      // This process serves no requests, so it neither warms the cache nor watches connections.
      const config = loadConfig({ ...process.env, CACHE_WARM_USERS: '0', WATCH_ENABLED: 'false' });
      const { withApp } = await import('./with-app.js');
      const { AuditLog } = await import('../audit/audit-log.js');
      const { PlatformSecrets } = await import('../platforms/platform-secrets.js');
      await withApp(config, async (app) => {
        const { rewritten, unreadable, left } = await app.get(PlatformSecrets).sealImported();
        const detail = `${rewritten} platform connections`;
        await app.get(AuditLog).write({ action: 'credentials.seal', outcome: 'done', detail });
        say(`Sealed ${rewritten} platform connections.`);
        if (left > unreadable.length) {
          throw new CommandFailed(
            'Some rows were being written and were skipped. Run credentials:seal again.',
          );
        }
        if (unreadable.length === 0) return;
        throw new CommandFailed(
          `No key decrypts ${unreadable.length} rows. They were left unchanged: ${listed(unreadable)}.`,
        );
      });
    });
}
