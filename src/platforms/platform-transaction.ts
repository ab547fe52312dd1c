import type { EntityManager } from 'typeorm';
import type { AuditRecord } from '../audit/audit-log.js';
import { violatedForeignKey, violatedUniqueConstraint } from '../database/database-errors.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { inListOrder } from './platform-view.js';
import { PlatformConnection } from './platform.entity.js';
import { DuplicateAccount, DuplicateName, PlatformNotFound } from './platforms.errors.js';

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
    const [locked] = await manager.query<[{ id: string }]>(
      'SELECT pg_advisory_xact_lock($1, $2), pg_current_xact_id()::text AS id',
      [USER_PLATFORMS_LOCK, userId],
    );
    // This may be the retry of a write whose process died before it dropped the keys. It now changes nothing or is
    // refused ("gone", "taken"), and the client believes that answer too.
    const pending = await manager.query<{ id: number }[]>(
      `SELECT DISTINCT platform_id AS id FROM platform_changes
       WHERE user_id = $1 AND drained_at IS NULL AND platform_id IS NOT NULL`,
      [userId],
    );
    for (const { id } of pending) changed.add(id);
    return new PlatformTransaction(manager, userId, locked.id, changed);
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
    default:
      return error;
  }
}
