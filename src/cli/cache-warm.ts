import { type Command, InvalidArgumentError } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { CommandFailed } from './command-failed.js';
import { say } from './output.js';
import { progressOn } from './progress.js';

const DEFAULT_USERS = 1000;

export function registerCacheWarm(program: Command): void {
  program
    .command('cache:warm')
    .description(
      'load the cache entries of the most recently active users, at lower priority than any request',
    )
    .option('--users <number>', 'maximum number of users', wholeNumber, DEFAULT_USERS)
    .action(async ({ users }: { users: number }) => {
      const config = loadConfig({ ...process.env, CACHE_WARM_USERS: '0', WATCH_ENABLED: 'false' });
      if (config.redis === null) {
        throw new CommandFailed(
          'There is nothing to warm: without REDIS_URL, each process has its own cache.',
        );
      }
      const { withApp } = await import('./with-app.js');
      const { WarmUpService } = await import('../admin/warm-up.service.js');
      await withApp(config, async (app) => {
        const progress = progressOn(process.stderr);
        let started = false;
        const { done, filled } = await app.get(WarmUpService).run(users, {
          onProgress: ({ total }) => {
            if (!started) progress.started('users', total);
            started = true;
            progress.advanced(1);
          },
        });
        if (started) progress.finished();
        say(`Warmed ${done} users; ${filled} entries were not cached before.`);
      });
    });
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number from 1 to 9999999.');
  return Number(text);
}
