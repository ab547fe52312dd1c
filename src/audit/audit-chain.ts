import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import type { Database } from '../database/database.js';
import { PREPARED } from '../database/prepared.js';
import { KeyRingMismatch } from '../keys/boot-canary.js';
import { SYSTEM } from './audit-origin.js';
import { ChainKey, type ChainedRow, type Head, isSame } from './chain-key.js';
import { Turns } from './turns.js';

/** A row that has no place in the trail yet. */
export type UnchainedRow = Omit<ChainedRow, 'id'>;

type Query = (sql: string, values: unknown[]) => Promise<unknown[]>;

interface StoredHead extends Head {
  readonly seal: string;
}

const HEAD_COLUMNS = 'last_id::float8 AS id, last_mac AS mac, seal';

/** One statement: a process that is frozen between two would keep all others from writing. */
const APPEND_SQL = `${PREPARED}
  WITH moved AS (
    UPDATE audit_chain SET last_id = $2, last_mac = $3, seal = $4 WHERE last_id = $5 AND last_mac = $6
    RETURNING set_config('idle_in_transaction_session_timeout', $7, true)
  )
  INSERT INTO audit_log (id, at, action, outcome, actor, user_id, api_key_id, platform_id, reason, detail, address,
    request_id, mac)
  SELECT given.id, given.at, given.action, given.outcome, given.actor, given."userId", given."apiKeyId",
    given."platformId", given.reason, given.detail, given.address, given."requestId", given.mac
  FROM moved, jsonb_to_recordset($1::jsonb) AS given (id bigint, at timestamptz, action varchar, outcome varchar,
    actor varchar, "userId" integer, "apiKeyId" integer, "platformId" integer, reason varchar, detail varchar,
    address varchar, "requestId" varchar, mac varchar)
  RETURNING id`;

/** For how long a process that is frozen in a transaction may keep others from writing. */
const LOCK_MS = 2000;
const LOCK_SETTING = `${LOCK_MS}ms`;
/** How long a transaction waits for others of this process. After it PostgreSQL alone puts them in order. */
const TURN_MS = 500;

/**
 * The end of the audit trail. Each row has the next number and a MAC over itself and the MAC of the row before. The MACs'
 * key is in the database, encrypted with the key ring, so write access to the database is not enough to make one.
 */
export class AuditChain {
  readonly #logger = new Logger('Audit');
  /** The furthest that this process has seen the trail. */
  #seen: Head | null = null;
  /** Whether nobody else has written since, as far as this process knows. */
  #isLast = false;
  readonly #turns = new Turns(TURN_MS);
  /** Of each transaction that has a turn: the end of the trail if it commits. */
  readonly #ends = new WeakMap<EntityManager, { head: Head | null }>();

  private constructor(
    private readonly database: Database,
    readonly key: ChainKey,
  ) {}

  /**
   * Begins the trail if nobody has.
   *
   * @throws {KeyRingMismatch} when the key ring is another one.
   */
  static async open(database: Database, ring: KeyRing): Promise<AuditChain> {
    const stored = await database.load((manager) => readKey(manager, ring));
    if (stored !== null) return new AuditChain(database, stored);
    return database.transaction(async (manager) => {
      // Of several processes that start for the first time, one begins.
      await manager.query('LOCK TABLE audit_chain IN EXCLUSIVE MODE');
      const other = await readKey(manager, ring);
      if (other !== null) return new AuditChain(database, other);
      const secret = randomBytes(32).toString('base64url');
      const chain = new AuditChain(database, new ChainKey(secret));
      await chain.#begin(manager, ring.encrypt(secret), ring.primaryKeyId);
      return chain;
    });
  }

  /** Resolves when the rows are committed, in this order. */
  async append(rows: readonly UnchainedRow[]): Promise<void> {
    const written = this.#isLast && (await this.database.load((manager) => this.#appendAlone(manager, rows)));
    if (!written) await this.database.transaction((manager) => this.appendIn(manager, rows));
  }

  /** Joins a transaction. Let it be the last statement: from here to the commit, all others wait. */
  async appendIn(manager: EntityManager, rows: readonly UnchainedRow[]): Promise<void> {
    const end = await this.#turnOf(manager);
    const query: Query = (sql, values) => manager.query(sql, values);
    end.head =
      (await this.#writeAsLast(end.head ?? this.#seen, rows, query)) ??
      (await this.#writeLocked(manager, rows, query));
  }

  /** Nobody else can write to the trail until the transaction ends. */
  async lock(manager: EntityManager): Promise<StoredHead> {
    await this.#turnOf(manager);
    const [head] = await manager.query<StoredHead[]>(
      `${PREPARED} SELECT ${HEAD_COLUMNS}, set_config('idle_in_transaction_session_timeout', $1, true)
       FROM audit_chain FOR UPDATE`,
      [LOCK_SETTING],
    );
    if (head === undefined) throw new Error('The audit trail has no head.');
    return head;
  }

  /** As it is stored; see `isSealed`. Null when somebody has removed it. */
  async head(manager: EntityManager): Promise<StoredHead | null> {
    const [head] = await manager.query<StoredHead[]>(`SELECT ${HEAD_COLUMNS} FROM audit_chain`);
    return head ?? null;
  }

  isSealed(head: StoredHead): boolean {
    return isSame(head.seal, this.key.sealOf(head));
  }

  async #begin(manager: EntityManager, token: string, keyId: string): Promise<void> {
    const [before] = await manager.query<[{ lastId: number; rows: number; at: Date }]>(
      `SELECT coalesce(max(id), 0)::float8 AS "lastId", count(*)::integer AS rows,
         date_trunc('milliseconds', clock_timestamp()) AS at FROM audit_log`,
    );
    const head = { id: before.lastId, mac: '' };
    await manager.query(
      'INSERT INTO audit_chain (last_id, last_mac, seal, token, key_id) VALUES ($1, $2, $3, $4, $5)',
      [head.id, head.mac, this.key.sealOf(head), token, keyId],
    );
    const row = systemRow('audit.begin', before.at, `${before.rows} entries from before`);
    await this.appendIn(manager, [row]);
  }

  /**
   * Transactions of this process wait here for one another rather than for the row's lock: the one that comes next knows the
   * end of the trail then and need not read it. Nothing else depends on it.
   */
  async #turnOf(manager: EntityManager): Promise<{ head: Head | null }> {
    const known = this.#ends.get(manager);
    if (known !== undefined) return known;
    const end: { head: Head | null } = { head: null };
    this.#ends.set(manager, end);
    await this.#turns.next(
      this.database.whenEnded(manager).then((committed) => {
        if (committed) this.#seen = end.head ?? this.#seen;
      }),
    );
    return end;
  }

  /** Takes its turn after it was admitted: those that have a turn must not wait for the connections of others. */
  async #appendAlone(manager: EntityManager, rows: readonly UnchainedRow[]): Promise<boolean> {
    let endTurn!: () => void;
    await this.#turns.next(new Promise<void>((resolve) => (endTurn = resolve)));
    try {
      const end = await this.#writeAsLast(this.#seen, rows, (sql, values) => manager.query(sql, values));
      this.#seen = end ?? this.#seen;
      return end !== null;
    } finally {
      endTurn();
    }
  }

  /** One statement if this process was the last to write, as it is as a rule. @returns the new end; null if it was not. */
  async #writeAsLast(seen: Head | null, rows: readonly UnchainedRow[], query: Query): Promise<Head | null> {
    if (!this.#isLast || seen === null) return null;
    const end = await this.#write(seen, rows, query);
    this.#isLast = end !== null;
    return end;
  }

  async #writeLocked(manager: EntityManager, rows: readonly UnchainedRow[], query: Query): Promise<Head> {
    const head = await this.lock(manager);
    const fault = this.#faultOf(head);
    if (fault !== null) this.#logger.error(`The audit trail has been tampered with: ${fault}`);
    this.#isLast = head.id === this.#seen?.id;
    const all = fault === null ? rows : [brokenRow(fault, rows), ...rows];
    const end = await this.#write(head, all, query);
    if (end === null) throw new Error('The head of the audit trail moved while it was locked.');
    return end;
  }

  /** @returns the new end; null when another process has written meanwhile. */
  async #write(head: Head, rows: readonly UnchainedRow[], query: Query): Promise<Head | null> {
    let end = head;
    const chained = rows.map((row) => {
      const next = { ...row, id: end.id + 1 };
      end = { id: next.id, mac: this.key.macOf(next, end.mac) };
      return { ...next, mac: end.mac };
    });
    const seal = this.key.sealOf(end);
    const values = [JSON.stringify(chained), end.id, end.mac, seal, head.id, head.mac, LOCK_SETTING];
    return (await query(APPEND_SQL, values)).length === rows.length ? end : null;
  }

  /** Somebody who removes the last rows also has to move the head back, which only the key can seal. */
  #faultOf(head: StoredHead): string | null {
    if (!this.isSealed(head)) return `the head at entry ${head.id} has a wrong seal`;
    const seen = this.#seen?.id ?? 0;
    return head.id < seen ? `it ends with entry ${head.id}, but entry ${seen} had been written` : null;
  }
}

/** Null before the trail has begun. @throws {KeyRingMismatch} */
async function readKey(manager: EntityManager, ring: KeyRing): Promise<ChainKey | null> {
  const [stored] = await manager.query<{ token: string; keyId: string }[]>(
    'SELECT token, key_id AS "keyId" FROM audit_chain',
  );
  if (stored === undefined) return null;
  const secret = readable(() => ring.decrypt(stored.token, stored.keyId));
  if (secret === null) throw new KeyRingMismatch(stored.keyId, ring.keyIds);
  return new ChainKey(secret);
}

/** Chained like any other, so that the evidence stays. */
function brokenRow(fault: string, [first]: readonly UnchainedRow[]): UnchainedRow {
  if (first === undefined) throw new Error('There is nothing to append.');
  return systemRow('audit.broken', first.at, fault);
}

export function systemRow(
  action: 'audit.begin' | 'audit.trim' | 'audit.broken',
  at: Date,
  detail: string,
): UnchainedRow {
  return { ...SYSTEM, at, action, outcome: 'done', platformId: null, reason: '', detail };
}
