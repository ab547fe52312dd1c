import { Injectable, Logger } from '@nestjs/common';
import { ServiceUnavailable } from '../../common/domain-error.js';
import { CredentialCipher } from '../../credentials/credential-cipher.js';
import { Database } from '../../database/database.js';
import { AccountChecker } from '../../instances/account-checker.js';
import { type AccountCheck, isRightAccount } from '../../instances/check-outcome.js';
import { type CommittedChanges, STATS_CHANGED } from '../../outbox/change.js';
import { Invalidation } from '../../outbox/invalidation.js';
import { transactionIdOf } from '../../outbox/transaction-id.js';
import { AccountSnapshots } from '../../snapshots/account-snapshots.js';
import type { CachedPlatform } from '../platform-cache.js';
import type { PlatformView } from '../platform-view.js';
import { PlatformConnection } from '../platform.entity.js';
import { PlatformRepository } from '../platform.repository.js';
import { PlatformNotFound } from '../platforms.errors.js';
import { type PassingFailure, TokenRefresh } from '../renewal/token-refresh.js';
import { CheckHistory } from './check-history.js';
import { TestedAccounts } from './tested-accounts.js';

/** How old `lastCheckedAt` may become while nothing else changes. */
const UNCHANGED_MS = 24 * 3_600_000;

export interface PlatformTest extends AccountCheck {
  /** The id of another connection of the user that has the same account. */
  readonly sameAccountAs: number | null;
}

interface WatchOptions {
  /** Whether the instance is known to be gone. Then it is not asked. */
  readonly isGone?: boolean;
  /** Why the token could not be refreshed just now, if that may pass. */
  readonly failure?: PassingFailure | null;
  /** Whether the instance, or the connection at it, has failed just before, so that a failed check is no hiccup. */
  readonly hasFailed?: boolean;
}

interface Recording {
  /** Stores the finding even if the row already has it. */
  readonly always: boolean;
  readonly isConfirmed: boolean;
}

/** Checks connections at their instances and stores the findings. */
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
    private readonly accounts: TestedAccounts,
    private readonly tokens: TokenRefresh,
    private readonly history: CheckHistory,
  ) {}

  /** @throws {PlatformNotFound} */
  async test(userId: number, id: number): Promise<PlatformTest> {
    // Not from the cache: the finding is stored only for the credentials that were tested.
    const stored = await this.database.load(() => this.repository.find(id));
    if (stored === null || stored.view.userId !== userId) throw new PlatformNotFound();
    const failure = isShortLived(stored) ? await this.tokens.refreshSpent(stored.view) : null;
    const platform = isShortLived(stored) ? await this.reloaded(stored) : stored;
    const found = this.orPassing(await this.checkOf(platform), failure);
    // Only the watcher knows for how long. It stays until the instance is reached, or the watcher sees its name again.
    const isGone = found.outcome === 'instance_unreachable' && platform.view.status === 'instance_gone';
    const check = isGone ? this.checker.instanceGone() : found;
    await this.record(platform, check, { always: true, isConfirmed: false });
    return { ...check, sameAccountAs: await this.accounts.note(platform, check) };
  }

  /**
   * The watcher's check. A finding that the row already has is not written again for a day, because each write is a new
   * version, which fails clients' If-Match and drops cached entries. A rate limit says nothing about the connection, so
   * it is not stored at all. That a connection that worked has failed once is in its history alone until the next check
   * confirms it: nobody is to hear of a hiccup.
   *
   * @returns null when the connection is gone or inactive.
   */
  async watch(
    id: number,
    { isGone = false, failure = null, hasFailed = false }: WatchOptions = {},
  ): Promise<AccountCheck | null> {
    const stored = await this.database.load(() => this.repository.find(id));
    if (stored === null || !stored.view.isActive) return null;
    // Also during the pause after a refresh that failed: the instance would refuse the old token for its age alone.
    const isSpent = !isGone && failure === null && this.tokens.isSpent(stored.view);
    const cause = isSpent ? await this.tokens.refreshSpent(stored.view) : failure;
    const platform = isSpent ? await this.reloaded(stored) : stored;
    const check = isGone ? this.checker.instanceGone() : this.orPassing(await this.checkOf(platform), cause);
    if (check.outcome !== 'rate_limited') {
      await this.record(platform, check, { always: false, isConfirmed: isGone || hasFailed });
    }
    return check;
  }

  /**
   * Tests a connection that was just written and returns its view afterwards. If the test fails or its finding cannot be
   * stored, returns the view as written: the write has happened anyway.
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

  /** As it is after a refresh, which changes the credentials. */
  private async reloaded(stored: CachedPlatform): Promise<CachedPlatform> {
    return (await this.database.load(() => this.repository.find(stored.view.id))) ?? stored;
  }

  /** A token that is refused because it could not be refreshed needs no new consent. */
  private orPassing(check: AccountCheck, failure: PassingFailure | null): AccountCheck {
    return failure !== null && check.outcome === 'token_invalid' ? this.checker.failed(failure) : check;
  }

  private checkOf({ view, credentials }: CachedPlatform): Promise<AccountCheck> | AccountCheck {
    const opened = this.cipher.decrypt(view, credentials);
    if (opened === null) return this.checker.needsReconnect();
    const { instanceUrl, platformType, username } = view;
    const { accessToken, clientSecret } = opened;
    return this.checker.check({ instanceUrl, platformType, username, accessToken, clientSecret });
  }

  /** Stores nothing if the credentials changed, or the connection was deleted, while the instance was asked. */
  private async record(
    { view, credentials }: CachedPlatform,
    check: AccountCheck,
    { always, isConfirmed }: Recording,
  ): Promise<void> {
    const { outcome, account, checkedAt, labels } = check;
    const { id, userId, instanceUrl } = view;
    const { accessToken } = credentials;
    const connectedTo = isRightAccount(outcome) ? account : null;
    const found = {
      status: outcome,
      lastError: outcome === 'connected' ? null : check.detail,
      ...labels,
      ...(connectedTo !== null && { accountId: connectedTo.id, avatarUrl: connectedTo.avatarUrl }),
      // The picture belongs to the account that the token was for before.
      ...(outcome === 'identity_mismatch' && { avatarUrl: null }),
    };
    const committed = await this.database.transaction(async (manager): Promise<CommittedChanges | null> => {
      const isFirst = await this.history.noteIn(
        manager,
        { id, accessToken, instanceUrl },
        check,
        isConfirmed,
      );
      if (isFirst && view.status === 'connected' && !always) return null;
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
           OR (:hasAvatar AND :avatar::varchar IS DISTINCT FROM avatar_url)
           OR (:software::varchar IS NOT NULL
             AND (software, software_version) IS DISTINCT FROM (:software::varchar, :softwareVersion::varchar))
           OR last_checked_at IS NULL OR last_checked_at < :stale)`,
          {
            was: found.status,
            error: found.lastError,
            account: found.accountId ?? null,
            software: labels?.software ?? null,
            softwareVersion: labels?.softwareVersion ?? null,
            hasAvatar: 'avatarUrl' in found,
            avatar: found.avatarUrl ?? null,
            stale: new Date(checkedAt.getTime() - UNCHANGED_MS),
          },
        );
      }
      const { affected } = await update.execute();
      const taken =
        connectedTo !== null &&
        (await this.snapshots.take(manager, { id, accessToken, instanceUrl }, connectedTo, checkedAt));
      if (affected !== 1 && !taken) return null;
      const type = affected === 1 ? undefined : STATS_CHANGED;
      return { transactionId: await transactionIdOf(manager), changes: [{ userId, platformId: id, type }] };
    });
    if (committed !== null) await this.invalidation.afterCommit(committed);
  }
}

/** The watcher need not have refreshed a token of minutes. Those of other software outlive its rounds. */
function isShortLived({ view }: CachedPlatform): boolean {
  return view.platformType === 'bluesky';
}
