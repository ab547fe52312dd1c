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
      if (!(error instanceof ErrorReply)) throw error;
      if (error.message.startsWith('WRONGTYPE')) {
        await client.set(key, this.installation.id);
        return 'something else than a mark';
      }
      // A Redis that is full, for example, still answers reads: the mark is no reason not to use it.
      this.#logger.debug(`Redis does not take the mark of this installation: ${error.message}`);
      return null;
    });
    const found = await withDeadline(set, this.deadlineMs);
    if (found === null || found === this.installation.id) return;
    this.#logger.warn(
      "Another installation keeps its cache in this Redis under the same keys, or did before. If it still does, give each a CACHE_KEY_PREFIX of its own: they do not believe each other's entries and remove them.",
    );
  }
}
