import type { Command } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { CommandFailed } from './command-failed.js';

const SHOWN_IDS = 20;

export function registerCredentialsSeal(program: Command): void {
  program
    .command('credentials:seal')
    .description('seal imported rows that have no seal, where a key of PLATFORM_ENCRYPTION_KEY opens them')
    .addHelpText(
      'after',
      `
Rows without a seal are refused (needs_reconnect), because nothing shows whose they are. By sealing them you vouch that
they are what you imported. Until then, ALLOW_UNSEALED_ROWS=true lets the API use them; unset it afterwards.`,
    )
    .action(async () => {
      // It serves nobody, so it warms and watches nothing.
      const config = loadConfig({ ...process.env, CACHE_WARM_USERS: '0', WATCH_ENABLED: 'false' });
      const { withApp } = await import('./with-app.js');
      const { PlatformSecrets } = await import('../platforms/platform-secrets.js');
      await withApp(config, async (app) => {
        const { rewritten, unreadable, left } = await app.get(PlatformSecrets).sealImported();
        process.stdout.write(`Sealed ${rewritten} platform connections.\n`);
        if (left > unreadable.length) {
          throw new CommandFailed('Some were being written and are left. Run credentials:seal again.');
        }
        if (unreadable.length === 0) return;
        const more = unreadable.length > SHOWN_IDS ? ', …' : '';
        throw new CommandFailed(
          `No key opens ${unreadable.length} of them, left as they are: ` +
            `${unreadable.slice(0, SHOWN_IDS).join(', ')}${more}.`,
        );
      });
    });
}
