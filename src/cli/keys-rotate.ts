import type { Command } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { KeyRing } from '../crypto/key-ring.js';
import type { RotationOutcome } from '../keys/key-rotation.js';
import { CommandFailed } from './command-failed.js';
import { listed, say } from './output.js';
import { progressOn } from './progress.js';

export function registerKeysRotate(program: Command): void {
  program
    .command('keys:rotate')
    .description('re-encrypt every secret that is not under the first key of PLATFORM_ENCRYPTION_KEY')
    .addHelpText(
      'after',
      `
The API keeps serving. To change the key without downtime:
  1. npm run cli -- keys:generate
  2. PLATFORM_ENCRYPTION_KEY=<old>,<new>   on every process, one after the other: all can read the new key
  3. PLATFORM_ENCRYPTION_KEY=<new>,<old>   on every process: all write with the new key
  4. npm run cli -- keys:rotate            until it says that no row needs the old key; it can be killed and repeated
  5. PLATFORM_ENCRYPTION_KEY=<new>         on every process. Wait ten minutes first: otherwise users who are connecting an
                                           account by OAuth at that moment have to start again`,
    )
    .action(async () => {
      // This process serves no requests, so it neither warms the cache nor watches connections.
      const config = loadConfig({ ...process.env, CACHE_WARM_USERS: '0', WATCH_ENABLED: 'false' });
      const { withApp } = await import('./with-app.js');
      const { AuditLog } = await import('../audit/audit-log.js');
      const { KeyRotation } = await import('../keys/key-rotation.js');
      await withApp(config, async (app) => {
        const outcomes = await app.get(KeyRotation).rotate(progressOn(process.stderr));
        const { primaryKeyId } = app.get(KeyRing);
        await app.get(AuditLog).write({
          action: 'keys.rotate',
          outcome: outcomes.every(({ complete }) => complete) ? 'done' : 'incomplete',
          detail: `key ${primaryKeyId}: ${outcomes.map(({ what, rewritten }) => `${rewritten} ${what}`).join(', ')}`,
        });
        report(outcomes, primaryKeyId);
      });
    });
}

/** @throws {CommandFailed} when some rows still need another key. */
function report(outcomes: readonly RotationOutcome[], primaryKeyId: string): void {
  for (const { what, rewritten, unreadable, left } of outcomes) {
    say(`${what}: ${rewritten} re-encrypted under the key ${primaryKeyId}.`);
    if (unreadable.length > 0) {
      say(
        `${what}: ${unreadable.length} cannot be decrypted or have a broken seal, and were left unchanged (needs_reconnect): ` +
          `${listed(unreadable)}.`,
      );
    }
    for (const { keyId, rows } of left) say(`${what}: ${rows} still under the key ${keyId}.`);
  }
  if (!outcomes.every(({ complete }) => complete)) {
    throw new CommandFailed(
      'Some rows still need an old key. If they were being written, run keys:rotate again; if they were imported and ' +
        'have no seal, run credentials:seal.',
    );
  }
  say(
    `No row needs a key other than ${primaryKeyId}. You can remove the keys behind it from PLATFORM_ENCRYPTION_KEY.`,
  );
}
