import { createClient } from 'redis';
import type { AppConfig } from '../config/app-config.js';
import { CommandFailed } from './command-failed.js';

/** Every key that this application writes; the table is in README.md. */
const PATTERNS = ['user_platforms:*', 'platform:*', 'platform_stats:*', 'lease:{*'];

const SCANNED_PER_CALL = 1000;
const TIMEOUT_MS = 5000;

/**
 * Drops all cached entries and leases, and nothing else: other programs may keep their keys in the same database.
 *
 * @returns how many keys were dropped.
 * @throws {CommandFailed} when there is no Redis, or it fails. What was dropped until then stays dropped.
 */
export async function flushCache({ redis }: Pick<AppConfig, 'redis'>): Promise<number> {
  const [url, ...otherNodes] = redis?.urls ?? [];
  if (url === undefined) {
    throw new CommandFailed('REDIS_URL is not set: the cache is in the memory of the API and ends with it.');
  }
  if (otherNodes.length > 0) throw new CommandFailed('cache:flush does not know Redis Cluster yet.');

  const client = createClient({
    url,
    socket: { connectTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS, reconnectStrategy: false },
  });
  // connect() and the commands reject with the same error; without a listener it would end the process as well.
  client.on('error', () => {});
  try {
    await client.connect();
    let dropped = 0;
    for (const pattern of PATTERNS) {
      let cursor = '0';
      do {
        const page = await client.scan(cursor, { MATCH: pattern, COUNT: SCANNED_PER_CALL });
        if (page.keys.length > 0) dropped += await client.unlink(page.keys);
        cursor = page.cursor;
      } while (cursor !== '0');
    }
    return dropped;
  } catch (error) {
    const reason = error instanceof Error ? error.message || error.name : String(error);
    throw new CommandFailed(`REDIS_URL cannot be used: ${reason}`, { cause: error });
  } finally {
    client.destroy();
  }
}
