import type { INestApplicationContext } from '@nestjs/common';
import { createApp } from '../app.setup.js';
import { createLogger } from '../common/logger.js';
import type { AppConfig } from '../config/app-config.js';

/**
 * Runs `work` with the application's own services, without listening. Warnings and errors are logged to standard error:
 * standard output belongs to the command.
 */
export async function withApp<T>(
  config: AppConfig,
  work: (app: INestApplicationContext) => Promise<T>,
): Promise<T> {
  const app = await createApp(config, createLogger({ logLevel: 'warn' }, process.stderr));
  try {
    await app.init();
    return await work(app);
  } finally {
    await app.close();
  }
}
