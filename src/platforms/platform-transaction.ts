import type { EntityManager } from 'typeorm';
import type { AuditRecord } from '../audit/audit-log.js';
import { violatedForeignKey, violatedUniqueConstraint } from '../database/database-errors.js';
import { PREPARED, PREPARED_COMMENT } from '../database/prepared.js';
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

/** What a write is about. */
export interface WriteTarget {
  readonly userId: number;
  /** The connection that is changed: its row is locked. Null for a new one, which gets an id. */
  readonly platformId: number | null;
}

type RawRow = Readonly<Record<string, unknown>>;

const BEGIN_SQL = `${PREPARED}
  SELECT transaction_id AS "transactionId", pending, new_id AS "newId", (connection).*
  FROM platform_connections_begin_write($1, $2, $3, $4)`;

/**
 * A transaction on one user's connections that holds the user's lock, so that writes of one user run one after another and
 * the default is handed over without a gap. It begins with one statement that locks and reads, and knows the rows from then
 * on.
 */
export class PlatformTransaction {
  /** What the audit trail says of it. */
  record: AuditRecord | null = null;

  private constructor(
    readonly manager: EntityManager,
    private readonly userId: number,
    /** PostgreSQL's own id of it. */
    readonly id: string,
    private readonly newId: number | null,
    /** All of the user's, as this transaction leaves them. */
    private readonly rows: Map<number, PlatformConnection>,
    /** Connections whose cached entries have to be dropped, whether the transaction commits or not. */
    private readonly changed: Set<number>,
  ) {}

  /**
   * Waits for the user's lock, and for the row: a check stores what it finds without the user's lock, and the version that
   * If-Match is compared with has to be the one that is replaced.
   *
   * It also takes over the user's changes that nobody has drained. This may be the retry of a write whose process died before
   * it dropped the keys. It now changes nothing or is refused ("gone", "taken"), and the client believes that answer too.
   */
  static async begin(
    manager: EntityManager,
    { userId, platformId }: WriteTarget,
    changed: Set<number>,
  ): Promise<PlatformTransaction> {
    const found = await manager.query<
      [RawRow & { transactionId: string; pending: number[]; newId: number | null }]
    >(BEGIN_SQL, [USER_PLATFORMS_LOCK, userId, platformId, platformId === null]);
    const [{ transactionId, pending, newId }] = found;
    for (const id of pending) changed.add(id);
    // Without connections there is one row, of nulls.
    const rows = found.filter(({ id }) => id !== null).map((raw) => hydrated(manager, raw));
    const byId = new Map(rows.map((row) => [row.id, row]));
    return new PlatformTransaction(manager, userId, transactionId, newId, byId, changed);
  }

  get count(): number {
    return this.rows.size;
  }

  /** Of the connection that is going to be created. The seal covers the id, so it is needed before the row exists. */
  get nextId(): number {
    if (this.newId === null) throw new Error('This transaction creates no connection.');
    return this.newId;
  }

  active(): PlatformConnection[] {
    return [...this.rows.values()].filter(({ isActive }) => isActive);
  }

  find(id: number): PlatformConnection | null {
    return this.rows.get(id) ?? null;
  }

  /** @throws {PlatformNotFound} */
  owned(id: number): PlatformConnection {
    const row = this.find(id);
    if (row === null) throw new PlatformNotFound();
    return row;
  }

  async insert(columns: Partial<PlatformConnection> & { readonly id: number }): Promise<PlatformConnection> {
    const written = await this.manager
      .createQueryBuilder()
      .comment(PREPARED_COMMENT)
      .insert()
      .into(PlatformConnection)
      .values({ ...columns, userId: this.userId })
      .updateEntity(false)
      .returning('*')
      .execute();
    this.changed.add(columns.id);
    return this.stored(written.raw as RawRow[]);
  }

  /** @returns the row as it is now: triggers have set its version and time. */
  async update(id: number, columns: Partial<PlatformConnection>): Promise<PlatformConnection> {
    const written = await this.manager
      .createQueryBuilder()
      .update(PlatformConnection)
      .set(columns)
      .where({ id })
      .returning('*')
      .execute();
    this.changed.add(id);
    return this.stored(written.raw as RawRow[]);
  }

  async delete(id: number): Promise<void> {
    await this.manager.delete(PlatformConnection, id);
    this.rows.delete(id);
    this.changed.add(id);
  }

  private stored([raw]: readonly RawRow[]): PlatformConnection {
    // Deleted by SQL while the transaction ran.
    if (raw === undefined) throw new PlatformNotFound();
    const row = hydrated(this.manager, raw);
    this.rows.set(row.id, row);
    return row;
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

/** A row as it came from the database, in the form of its entity. */
function hydrated({ connection }: EntityManager, raw: RawRow): PlatformConnection {
  const row = new PlatformConnection();
  for (const column of connection.getMetadata(PlatformConnection).columns)
    column.setEntityValue(row, connection.driver.prepareHydratedValue(raw[column.databaseName], column));
  return row;
}

/**
 * Takes the locks of several users until the transaction ends. In the order of the ids: two that lock the same users do not
 * deadlock.
 *
 * @returns also the changes of these users that nobody has drained; see `PlatformTransaction.begin`.
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
