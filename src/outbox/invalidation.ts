import { Injectable, Logger } from '@nestjs/common';
import { CacheUnavailable } from '../cache/cache-errors.js';
import { CacheService } from '../cache/cache.service.js';
import { Installation } from '../common/installation.js';
import { OutageLog } from '../common/outage-log.js';
import { CacheKeys } from './cache-keys.js';
import type { Change, CommittedChanges } from './change.js';
import { OutboxRelay } from './outbox-relay.js';

/**
 * How long a writer that could not drop its keys waits for a peer that can. Longer than any process takes to notice the
 * pending change (its poll, the tolerated lag, a failed attempt): by then a process that cannot drop the keys has stopped
 * reading the cache, and the writer may answer.
 */
const WRITER_WAIT_MS = 2000;

/** `dropped`: the old entries are gone. `pending`: they may still be cached, but processes have stopped reading the cache. */
export type InvalidationOutcome = 'dropped' | 'pending';

/** A writer's last step, after COMMIT and before the reply. */
@Injectable()
export class Invalidation {
  readonly #outage = new OutageLog(new Logger('Invalidation'));

  constructor(
    private readonly cache: CacheService,
    private readonly keys: CacheKeys,
    private readonly relay: OutboxRelay,
    private readonly installation: Installation,
  ) {}

  /**
   * Resolves when no process reads the old values any more.
   *
   * @throws {DatabaseUnavailable} when that cannot be confirmed. The change is committed and its keys will be dropped, but it
   * must not be acknowledged: the client repeats the request and learns the outcome.
   */
  async afterCommit(committed: CommittedChanges): Promise<InvalidationOutcome> {
    const { changes } = committed;
    if (changes.length === 0) return 'dropped';
    const atMs = this.installation.earliestMs();
    try {
      await this.cache.drop(this.keys.of(changes));
      this.relay.dropped({ ...committed, atMs });
      this.#outage.succeeded();
      return 'dropped';
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
      this.#outage.failed(`Cached entries could not be dropped; the outbox will drop them: ${error.why}`);
      return await this.waitForPeer(changes);
    } finally {
      // Its keys are dropped: the relay can publish the event now.
      this.relay.kick();
    }
  }

  private async waitForPeer(changes: readonly Change[]): Promise<InvalidationOutcome> {
    this.relay.kick();
    const userIds = [...new Set(changes.map(({ userId }) => userId))];
    return (await this.relay.whenDrained(userIds, WRITER_WAIT_MS)) ? 'dropped' : 'pending';
  }
}
