import type { Command } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { say } from './output.js';

/** Adds `restore:finish`. */
export function registerRestoreFinish(program: Command): void {
  program
    .command('restore:finish')
    .description('after a restore of the database: end all sessions, and give no id a second time')
    .action(async () => {
      const config = loadConfig(process.env);
      const { withDatabase } = await import('./with-database.js');
      const { auditOf } = await import('./audit-of.js');
      const { SKIPPED_IDS, finishRestore } = await import('../database/finish-restore.js');
      const { epoch, sequences } = await withDatabase(config, async (database) => {
        const finished = await finishRestore(database);
        const { log } = await auditOf(database, config);
        await log.write({
          action: 'installation.restore',
          outcome: 'done',
          detail: `epoch ${finished.epoch}`,
        });
        return finished;
      });
      say(
        `The installation is in epoch ${epoch}. All sessions and unfinished connection attempts have ended, links in messages, invitations and connect links are void; cached entries from before are not believed; the next ids of ${sequences} tables are higher by ${SKIPPED_IDS}.`,
      );
    });
}
