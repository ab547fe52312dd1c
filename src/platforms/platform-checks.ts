import { Injectable, Logger } from '@nestjs/common';
import { ServiceUnavailable } from '../common/domain-error.js';
import { CredentialCipher, type Credentials } from '../credentials/credential-cipher.js';
import { UndecryptableSecret } from '../crypto/key-ring.js';
import { Database } from '../database/database.js';
import { AccountChecker } from '../instances/account-checker.js';
import type { AccountCheck } from '../instances/check-outcome.js';
import { type PlatformChange, STATS_CHANGED } from '../outbox/change.js';
import { Invalidation } from '../outbox/invalidation.js';
import { AccountSnapshots } from '../snapshots/account-snapshots.js';
import type { CachedPlatform } from './platform-cache.js';
import type { PlatformView } from './platform-view.js';
import { PlatformConnection } from './platform.entity.js';
import { PlatformRepository } from './platform.repository.js';
import { PlatformNotFound } from './platforms.errors.js';

export { type AccountCheck, CHECK_OUTCOMES, type CheckOutcome } from '../instances/check-outcome.js';

/** How old the time of the last check may become on a row that does not change. */
const UNCHANGED_MS = 24 * 3_600_000;

/** Tests connections at their instances, and keeps what was found. */
@Injectable()
export class PlatformChecks {
  readonly #logger = new Logger('Checks');

  constructor(
    private readonly database: Database,
    private readonly repository: PlatformRepository,
    private readonly cipher: CredentialCipher,
    private readonly checker: AccountChecker,
    private readonly snapshots: AccountSnapshots,
    private readonly invalidation: Invalidation,
  ) {}

  /** @throws {PlatformNotFound} */
  async test(userId: number, id: number): Promise<AccountCheck> {
    // Not from the cache: the credentials that are tested are those that the finding is stored with.
    const platform = await this.database.load(() => this.repository.find(id));
    if (platform === null || platform.view.userId !== userId) throw new PlatformNotFound();
    const check = await this.checkOf(platform);
    await this.record(platform, check, true);
    return check;
  }

  /**
   * As the watcher does it: a check that finds what the row says already leaves the row alone for a day, for each change
   * is a new version, which fails the If-Match of clients and drops what is cached. A rate limit says nothing about the
   * connection, so it is not kept at all.
   *
   * @returns null when there is no such active connection any more.
   */
  async watch(id: number): Promise<AccountCheck | null> {
    const platform = await this.database.load(() => this.repository.find(id));
    if (platform === null || !platform.view.isActive) return null;
    const check = await this.checkOf(platform);
    if (check.outcome !== 'rate_limited') await this.record(platform, check, false);
    return check;
  }

  /**
   * Tests what was just written, and answers with what it looks like now: as it was written when the test could not be
   * carried out or its finding not be stored, for the write took place all the same.
   */
  async testWritten(row: PlatformConnection): Promise<PlatformView> {
    try {
      await this.test(row.userId, row.id);
      const tested = await this.database.load(() => this.repository.find(row.id));
      if (tested !== null) return tested.view;
    } catch (error) {
      if (!(error instanceof ServiceUnavailable) && !(error instanceof PlatformNotFound)) throw error;
      this.#logger.warn(`A connection could not be tested when it was written: ${error.code}`);
    }
    return this.repository.toView(row);
  }

  private checkOf({ view, credentials }: CachedPlatform): Promise<AccountCheck> | AccountCheck {
    const opened = openedOf(() => this.cipher.decrypt(view, credentials));
    if (opened === null) return this.checker.needsReconnect();
    const { instanceUrl, platformType, username } = view;
    return this.checker.check({ instanceUrl, platformType, username, accessToken: opened.accessToken });
  }

  /**
   * Nothing is stored when the credentials were changed, or the connection deleted, while the instance was asked.
   *
   * @param always also when the row says so already, and lately.
   */
  private async record(
    { view, credentials }: CachedPlatform,
    check: AccountCheck,
    always: boolean,
  ): Promise<void> {
    const { outcome, account, checkedAt } = check;
    const { id, userId, instanceUrl } = view;
    const { accessToken } = credentials;
    const connectedTo = outcome === 'connected' ? account : null;
    const found = {
      status: outcome,
      lastError: outcome === 'connected' ? null : check.detail,
      ...(connectedTo !== null && { accountId: connectedTo.id, avatarUrl: connectedTo.avatarUrl }),
      // Of whoever the token was for before.
      ...(outcome === 'identity_mismatch' && { avatarUrl: null }),
    };
    const changes = await this.database.transaction(async (manager): Promise<PlatformChange[]> => {
      const update = manager
        .createQueryBuilder()
        .update(PlatformConnection)
        .set({ ...found, lastCheckedAt: checkedAt })
        .where('id = :id AND access_token = :accessToken AND instance_url = :instanceUrl', {
          id,
          accessToken,
          instanceUrl,
        });
      if (!always) {
        update.andWhere(
          `(status IS DISTINCT FROM :was OR last_error IS DISTINCT FROM :error
           OR coalesce(:account, account_id) IS DISTINCT FROM account_id
           OR (:learnt AND :avatar::varchar IS DISTINCT FROM avatar_url)
           OR last_checked_at IS NULL OR last_checked_at < :stale)`,
          {
            was: found.status,
            error: found.lastError,
            account: found.accountId ?? null,
            learnt: 'avatarUrl' in found,
            avatar: found.avatarUrl ?? null,
            stale: new Date(checkedAt.getTime() - UNCHANGED_MS),
          },
        );
      }
      const { affected } = await update.execute();
      const taken =
        connectedTo !== null &&
        (await this.snapshots.take(manager, { id, accessToken, instanceUrl }, connectedTo, checkedAt));
      if (affected === 1) return [{ userId, platformId: id }];
      return taken ? [{ userId, platformId: id, type: STATS_CHANGED }] : [];
    });
    await this.invalidation.afterCommit(changes);
  }
}

/** Null as well when a key has left the ring since the seal was checked. */
function openedOf(open: () => Credentials | null): Credentials | null {
  try {
    return open();
  } catch (error) {
    if (error instanceof UndecryptableSecret) return null;
    throw error;
  }
}
