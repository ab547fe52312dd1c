import { Logger } from '@nestjs/common';
import { ErrorReply } from '@redis/client';
import type { Installation } from '../../common/installation.js';
import { withDeadline } from '../deadline.js';
import type { RedisConnection } from './redis-connection.js';

export const MARK_KEY = 'platform_manager:installation';

/**
 * Says in Redis whose entries the keys are. Two installations under one prefix do not believe each other's entries, and
 * so remove them all the time: both work, slowly.
 */
export class InstallationMark {
  readonly #logger = new Logger('Cache');

  constructor(
    private readonly connection: RedisConnection,
    private readonly installation: Installation,
    private readonly prefix: string,
    private readonly deadlineMs: number,
  ) {}

  /** @throws when Redis does not answer in time. */
  async set(): Promise<void> {
    const { client } = this.connection;
    const key = this.prefix + MARK_KEY;
    const set = client.set(key, this.installation.id, { GET: true }).catch(async (error: unknown) => {
      // The key holds no string: somebody else has written it.
      if (!(error instanceof ErrorReply)) throw error;
      await client.set(key, this.installation.id);
      return error.message;
    });
    const found = await withDeadline(set, this.deadlineMs);
    if (found === null || found === this.installation.id) return;
    this.#logger.warn(
      "Another installation keeps its cache in this Redis under the same keys, or did before. If it still does, give each a CACHE_KEY_PREFIX of its own: they do not believe each other's entries and remove them.",
    );
  }
}
