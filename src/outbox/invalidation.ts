import { Injectable, Logger } from '@nestjs/common';
import { CacheUnavailable } from '../cache/cache-errors.js';
import { CacheService } from '../cache/cache.service.js';
import { CacheKeys } from './cache-keys.js';
import type { PlatformChange } from './change.js';
import { OutboxRelay } from './outbox-relay.js';

/**
 * How long a writer that could not drop its keys waits for a peer that can. Longer than it takes any process to learn
 * of the pending change (its poll, then the tolerated lag, then a failed attempt): by then a process that cannot drop
 * the keys has stopped reading the cache, and the writer may answer.
 */
const WRITER_WAIT_MS = 2000;

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
  async afterCommit(changes: readonly PlatformChange[]): Promise<void> {
    if (changes.length === 0) return;
    try {
      await this.cache.drop(this.keys.of(changes));
      this.#struggling = false;
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
      if (!this.#struggling)
        this.#logger.warn(`Cached entries could not be dropped, the outbox will: ${error.why}`);
      this.#struggling = true;
      await this.waitForPeer(changes);
    } finally {
      // Without LISTEN, as with the embedded database, the relay learns of the row here.
      this.relay.kick();
    }
  }

  private async waitForPeer(changes: readonly PlatformChange[]): Promise<void> {
    this.relay.kick();
    await this.relay.whenDrained([...new Set(changes.map(({ userId }) => userId))], WRITER_WAIT_MS);
  }
}
