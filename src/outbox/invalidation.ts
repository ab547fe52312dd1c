import { Injectable, Logger } from '@nestjs/common';
import { CacheUnavailable } from '../cache/cache-errors.js';
import { CacheService } from '../cache/cache.service.js';
import { CacheKeys } from './cache-keys.js';
import type { Change } from './change.js';
import { OutboxRelay } from './outbox-relay.js';

/**
 * How long a writer that could not drop its keys waits for a peer that can. Longer than it takes any process to learn
 * of the pending change (its poll, then the tolerated lag, then a failed attempt): by then a process that cannot drop
 * the keys has stopped reading the cache, and the writer may answer.
 */
const WRITER_WAIT_MS = 2000;

/** `dropped`: no process has the old entries. `pending`: one may have them, but has stopped reading the cache. */
export type InvalidationOutcome = 'dropped' | 'pending';

/** What a writer does after COMMIT and before it answers. */
@Injectable()
export class Invalidation {
  readonly #logger = new Logger('Invalidation');
  #struggling = false;

  constructor(
    private readonly cache: CacheService,
    private readonly keys: CacheKeys,
    private readonly relay: OutboxRelay,
  ) {}

  /**
   * Resolves when no process reads the old values any more.
   *
   * @throws {DatabaseUnavailable} when that cannot be found out. The change is committed and its keys will be dropped,
   * but it must not be acknowledged: a repeated request is told what became of it.
   */
  async afterCommit(changes: readonly Change[]): Promise<InvalidationOutcome> {
    if (changes.length === 0) return 'dropped';
    try {
      await this.cache.drop(this.keys.of(changes));
      this.#struggling = false;
      return 'dropped';
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
      if (!this.#struggling)
        this.#logger.warn(`Cached entries could not be dropped, the outbox will: ${error.why}`);
      this.#struggling = true;
      return await this.waitForPeer(changes);
    } finally {
      // Without LISTEN, as with the embedded database, the relay learns of the row here.
      this.relay.kick();
    }
  }

  private async waitForPeer(changes: readonly Change[]): Promise<InvalidationOutcome> {
    this.relay.kick();
    const userIds = [...new Set(changes.map(({ userId }) => userId))];
    return (await this.relay.whenDrained(userIds, WRITER_WAIT_MS)) ? 'dropped' : 'pending';
  }
}
