import type { EntityManager } from 'typeorm';
import type { AuditRecord } from '../audit/audit-log.js';
import { violatedForeignKey, violatedUniqueConstraint } from '../database/database-errors.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import type { PlatformChange } from '../outbox/change.js';
import { inListOrder } from './platform-view.js';
import { PlatformConnection } from './platform.entity.js';
import {
  DuplicateAccount,
  DuplicateExternalId,
  DuplicateName,
  PlatformNotFound,
} from './platforms.errors.js';

// The first key of our two-key advisory locks tells kinds of locks apart. This one is "PLAT".
const USER_PLATFORMS_LOCK = 0x504c4154;

/**
 * A transaction on one user's connections that holds the user's lock, so that writes of one user run one after another and
 * the default is handed over without a gap.
 */
export class PlatformTransaction {
  /** What the audit trail says of it. */
  record: AuditRecord | null = null;

  private constructor(
    readonly manager: EntityManager,
    readonly userId: number,
    /** PostgreSQL's own id of it. */
    readonly id: string,
    /** Connections whose cached entries have to be dropped, whether the transaction commits or not. */
    private readonly changed: Set<number>,
  ) {}

  /** Waits for the user's lock. */
  static async begin(
    manager: EntityManager,
    userId: number,
    changed: Set<number>,
  ): Promise<PlatformTransaction> {
    const { transactionId, pending } = await lockUsers(manager, [userId]);
    for (const { platformId } of pending) changed.add(platformId);
    return new PlatformTransaction(manager, userId, transactionId, changed);
  }

  active(): Promise<PlatformConnection[]> {
    return this.manager.findBy(PlatformConnection, { userId: this.userId, isActive: true });
  }

  find(id: number): Promise<PlatformConnection | null> {
    return this.manager.findOneBy(PlatformConnection, { id, userId: this.userId });
  }

  /**
   * The row, locked: a check stores what it finds without the user's lock, and the version that If-Match is compared with
   * has to be the one that is replaced.
   *
   * @throws {PlatformNotFound}
   */
  async owned(id: number): Promise<PlatformConnection> {
    const row = await this.manager.findOne(PlatformConnection, {
      where: { id, userId: this.userId },
      lock: { mode: 'for_no_key_update' },
    });
    if (row === null) throw new PlatformNotFound();
    return row;
  }

  async insert(columns: Partial<PlatformConnection> & { readonly id: number }): Promise<void> {
    await this.manager.insert(PlatformConnection, columns);
    this.changed.add(columns.id);
  }

  async update(id: number, columns: Partial<PlatformConnection>): Promise<void> {
    await this.manager.update(PlatformConnection, id, columns);
    this.changed.add(id);
  }

  async delete(id: number): Promise<void> {
    await this.manager.delete(PlatformConnection, id);
    this.changed.add(id);
  }

  /** The row as it is now: triggers have set its version and time. */
  read(id: number): Promise<PlatformConnection> {
    return this.manager.findOneByOrFail(PlatformConnection, { id });
  }

  /** Call it before another connection becomes the default: the unique index never allows two. */
  async clearDefault(candidates: readonly PlatformConnection[]): Promise<void> {
    for (const { id } of candidates.filter((candidate) => candidate.isDefault))
      await this.update(id, { isDefault: false });
  }

  async promoteFirst(remaining: readonly PlatformConnection[]): Promise<void> {
    const [first] = inListOrder(remaining);
    if (first !== undefined) await this.update(first.id, { isDefault: true });
  }
}

/**
 * Takes the locks of one or several users until the transaction ends. In the order of the ids: two that lock the same users do not
 * deadlock.
 *
 * @returns also the changes of these users that nobody has drained. This may be the retry of a write whose process died
 *   before it dropped the keys. It now changes nothing or is refused ("gone", "taken"), and the client believes that answer
 *   too.
 */
export async function lockUsers(
  manager: EntityManager,
  userIds: readonly number[],
): Promise<{ transactionId: string; pending: PlatformChange[] }> {
  const ids = [...new Set(userIds)].sort((a, b) => a - b);
  const [locked] = await manager.query<[{ transactionId: string }]>(
    `SELECT pg_current_xact_id()::text AS "transactionId", count(pg_advisory_xact_lock($1, id))
     FROM unnest($2::integer[]) AS id`,
    [USER_PLATFORMS_LOCK, ids],
  );
  const pending = await manager.query<PlatformChange[]>(
    `SELECT DISTINCT user_id AS "userId", platform_id AS "platformId" FROM platform_changes
     WHERE user_id = ANY($1::integer[]) AND drained_at IS NULL AND platform_id IS NOT NULL`,
    [ids],
  );
  return { transactionId: locked.transactionId, pending };
}

/** The domain error for a violated constraint of the table, else the error itself. */
export function translateConflict(error: unknown): unknown {
  if (violatedForeignKey(error) === 'platform_connections_user_id_fkey') {
    // The account was deleted while its access token was still valid.
    return new InvalidAccessToken();
  }
  switch (violatedUniqueConstraint(error)) {
    case 'platform_connections_name_key':
      return new DuplicateName();
    case 'platform_connections_account_key':
      return new DuplicateAccount();
    case 'platform_connections_external_id_key':
      return new DuplicateExternalId();
    default:
      return error;
  }
}
