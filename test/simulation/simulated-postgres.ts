import type { OutboxChannel } from '../../src/outbox/outbox-session.js';
import { Host, type World } from './world.js';

export interface OutboxRow {
  readonly id: number;
  readonly transactionId: string;
  readonly userId: number;
  readonly platformId: number;
  readonly type: string;
  /** Of the connection after the change. */
  readonly version: number | null;
  /** This and the next in Unix milliseconds, by the clock of the database. */
  readonly at: number;
  readonly drainedAt: number | null;
  readonly eventId: number | null;
}

/** Of platform_changes_publish(). */
const PATIENCE_MS = 2000;
const RETENTION_MS = 24 * 3_600_000;
/** Statements that read many rows. */
const LOOKUPS = ['platform_changes_since(', 'FROM installation LEFT JOIN'];
/** When the world begins: no process must take its own clock for that of the database. */
const EPOCH_MS = 1_800_000_000_000;

/** What it has changed is seen by itself, and by others when it commits. */
export class Transaction {
  readonly changed = new Map<number, OutboxRow>();
  readonly #effects: (() => void)[] = [];
  readonly #ends: (() => void)[] = [];
  hasEnded = false;

  constructor(private readonly commitRows: (changed: ReadonlyMap<number, OutboxRow>) => void) {}

  onCommit(effect: () => void): void {
    this.#effects.push(effect);
  }

  atEnd(release: () => void): void {
    // It may have been killed while it was given the lock.
    if (this.hasEnded) release();
    else this.#ends.push(release);
  }

  commit(): void {
    if (this.hasEnded) throw new Error('The transaction has ended');
    this.commitRows(this.changed);
    for (const effect of this.#effects) effect();
    this.rollBack();
  }

  rollBack(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    for (const release of this.#ends) release();
  }
}

/** A lock for which a transaction waits. */
class Lock {
  readonly #queue: { readonly by: Transaction; readonly go: () => void }[] = [];
  #holder: Transaction | null = null;

  async take(by: Transaction): Promise<void> {
    if (this.#holder === by) return;
    if (this.#holder !== null) await new Promise<void>((go) => this.#queue.push({ by, go }));
    this.#holder = by;
    by.atEnd(() => {
      this.#holder = null;
      // Those that were killed while they waited want it no more.
      let next = this.#queue.shift();
      while (next?.by.hasEnded) next = this.#queue.shift();
      if (next === undefined) return;
      this.#holder = next.by;
      next.go();
    });
  }
}

type Parameters = readonly unknown[];

/**
 * Connections with their versions, and the outbox: what the statements of src/outbox mean under READ COMMITTED, with row
 * locks, SKIP LOCKED and notifications.
 */
export class SimulatedPostgres {
  readonly host = new Host('pg');
  /** By platform id, as committed. */
  readonly versions = new Map<number, number>();
  readonly rows = new Map<number, OutboxRow>();
  /** The rows in order, until they change. */
  #byId: OutboxRow[] | null = null;
  lastEventId = 0;
  forgottenEventId = 0;
  /** How often something may have changed. */
  statements = 0;
  #cancelledUntil = 0;
  #byHand: Transaction | null = null;
  #nextId = 1;
  #nextTransaction = 1;
  readonly #rowLocks = new Map<number, Transaction>();
  readonly #userLocks = new Map<number, Lock>();
  readonly #position = new Lock();
  readonly #listeners = new Set<(channel: OutboxChannel) => void>();
  /** By what a statement of outbox-queries.ts or published-events.ts contains. */
  readonly #statements: readonly (readonly [
    string,
    (parameters: Parameters, by: Transaction) => unknown[] | Promise<unknown[]>,
  ])[] = [
    ['WITH own AS', (given, by) => this.#markDropped(given, by)],
    ['AS "claimedAt"', (given, by) => this.#claim(given, by)],
    ['SET drained_at = claimed.at', (given, by) => this.#markDrained(given, by)],
    ['AS "lagSeconds"', (_, by) => this.#backlog(by)],
    ['SELECT DISTINCT user_id', ([users], by) => this.#pendingUsers(users as number[], by)],
    ['platform_changes_since(', (given, by) => this.#changesSince(given, by)],
    ['FROM installation LEFT JOIN', (given, by) => this.#news(given, by)],
    ['WITH gone AS', ([limit], by) => this.#deleteExpired(limit as number, by)],
    ['SET forgotten_event_id', ([eventId]) => ((this.forgottenEventId = Number(eventId)), [])],
    ['platform_changes_publish', (given, by) => this.#publish(given, by)],
    [
      'AS "forgottenEventId"',
      () => [{ lastEventId: String(this.lastEventId), forgottenEventId: String(this.forgottenEventId) }],
    ],
    ['SELECT event_id AS "eventId"', (given) => this.#events(given)],
    ['FROM installation', () => [this.#installation()]],
  ];

  constructor(private readonly world: World) {}

  get nowMs(): number {
    return EPOCH_MS + this.world.now;
  }

  begin(): Transaction {
    return new Transaction((changed) => {
      this.statements++;
      for (const [id, row] of changed) this.rows.set(id, row);
      this.#byId = null;
    });
  }

  /** One statement. It commits by itself unless `by` is given. */
  async run(sql: string, parameters: Parameters, by?: Transaction): Promise<unknown[]> {
    const statement = this.#statements.find(([part]) => sql.includes(part));
    if (statement === undefined) throw new Error(`Not simulated: ${sql}`);
    if (this.world.now < this.#cancelledUntil && LOOKUPS.some((part) => sql.includes(part)))
      throw new Error('canceling statement due to statement timeout');
    const transaction = by ?? this.begin();
    const rows = await statement[1](parameters, transaction);
    if (by === undefined) transaction.commit();
    return rows;
  }

  /** For so long, what reads many rows takes too long. */
  cancelLookups(ms: number): void {
    this.#cancelledUntil = this.world.now + ms;
  }

  /** A session that stays open after SELECT … FOR UPDATE: no relay can claim these changes. */
  lockPending(): void {
    const by = (this.#byHand ??= this.begin());
    for (const row of this.#seen()) if (row.drainedAt === null && this.#isFree(row, by)) this.#lock(row, by);
  }

  unlock(): void {
    this.#byHand?.rollBack();
    this.#byHand = null;
  }

  listen(listener: (channel: OutboxChannel) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** pg_advisory_xact_lock() of a user. */
  lockUser(userId: number, by: Transaction): Promise<void> {
    let lock = this.#userLocks.get(userId);
    if (lock === undefined) this.#userLocks.set(userId, (lock = new Lock()));
    return lock.take(by);
  }

  /** Of a user, seen by everybody. */
  pending(userId: number): OutboxRow[] {
    return [...this.rows.values()].filter((row) => row.userId === userId && row.drainedAt === null);
  }

  /** How many changes of these users are pending, and how many untold. */
  open(userIds: readonly number[]): number[] {
    const counts = userIds.map(() => 0);
    for (const { userId, drainedAt, eventId } of this.#seen()) {
      const at = userIds.indexOf(userId);
      if (drainedAt === null) counts[at] = (counts[at] ?? 0) + 1000;
      if (eventId === null) counts[at] = (counts[at] ?? 0) + 1;
    }
    return counts;
  }

  /** Changes a connection. A trigger adds the row of the outbox. @returns the transaction's id. */
  change(userId: number, platformId: number, by: Transaction): string {
    const transactionId = String(this.#nextTransaction++);
    const id = this.#nextId++;
    const row = {
      id,
      transactionId,
      userId,
      platformId,
      type: 'platform.updated',
      version: null,
      at: this.nowMs,
    };
    by.changed.set(id, { ...row, drainedAt: null, eventId: null });
    by.onCommit(() => {
      const version = (this.versions.get(platformId) ?? 0) + 1;
      this.versions.set(platformId, version);
      const committed = this.rows.get(id);
      if (committed !== undefined) this.rows.set(id, { ...committed, version });
      this.#notify('platform_changes');
    });
    return transactionId;
  }

  #notify(channel: OutboxChannel): void {
    for (const listener of [...this.#listeners]) listener(channel);
  }

  /** As this transaction sees them, by id. */
  #seen(by?: Transaction): readonly OutboxRow[] {
    this.#byId ??= [...this.rows.values()].sort((a, b) => a.id - b.id);
    if (by === undefined || by.changed.size === 0) return this.#byId;
    return this.#byId.map((row) => by.changed.get(row.id) ?? row);
  }

  /** Whether no other transaction has locked it. */
  #isFree({ id }: OutboxRow, by: Transaction): boolean {
    return (this.#rowLocks.get(id) ?? by) === by;
  }

  #lock({ id }: OutboxRow, by: Transaction): void {
    if (this.#rowLocks.get(id) === by) return;
    this.#rowLocks.set(id, by);
    by.atEnd(() => this.#rowLocks.delete(id));
  }

  #markDropped([transactions, platforms, , types, times]: Parameters, by: Transaction): [] {
    for (const row of this.#seen(by)) {
      const given = (transactions as string[]).findIndex(
        (transaction, index) =>
          transaction === row.transactionId &&
          (platforms as number[])[index] === row.platformId &&
          ((types as (string | null)[])[index] ?? row.type) === row.type,
      );
      if (given === -1 || row.drainedAt !== null || !this.#isFree(row, by)) continue;
      by.changed.set(row.id, { ...row, drainedAt: (times as number[])[given] ?? null });
    }
    return [];
  }

  #claim([limit, graceMs]: Parameters, by: Transaction): unknown[] {
    const due = this.#seen(by).filter(
      (row) => row.drainedAt === null && row.at <= this.nowMs - (graceMs as number) && this.#isFree(row, by),
    );
    return due.slice(0, limit as number).map((row) => {
      this.#lock(row, by);
      return { id: String(row.id), claimedAt: String(this.nowMs), ...columns(row) };
    });
  }

  #markDrained([ids, times]: Parameters, by: Transaction): [] {
    for (const row of this.#seen(by)) {
      const index = (ids as string[]).indexOf(String(row.id));
      if (index !== -1) by.changed.set(row.id, { ...row, drainedAt: Number((times as string[])[index]) });
    }
    return [];
  }

  #backlog(by: Transaction): unknown[] {
    const pending = this.#seen(by).filter(({ drainedAt }) => drainedAt === null);
    const [oldest] = pending;
    const lagSeconds = oldest === undefined ? 0 : (this.nowMs - oldest.at) / 1000;
    return [{ pending: pending.length, lagSeconds }];
  }

  #pendingUsers(users: number[], by: Transaction): unknown[] {
    const waiting = new Set(
      this.#seen(by).flatMap(({ userId, drainedAt }) => (drainedAt === null ? [userId] : [])),
    );
    return users.filter((userId) => waiting.has(userId)).map((userId) => ({ userId }));
  }

  #changesSince([at, id, seconds, limit]: Parameters, by: Transaction): unknown[] {
    const after = at === '-infinity' ? Number.NEGATIVE_INFINITY : Number(at);
    const page = this.#seen(by)
      .filter((row) => row.at > after || (row.at === after && row.id > Number(id)))
      .filter((row) => row.at > this.nowMs - Number(seconds) * 1000)
      .sort((a, b) => a.at - b.at || a.id - b.id)
      .slice(0, limit as number);
    const last = page.at(-1);
    const end = { endAt: String(last?.at), endId: String(last?.id), isLast: page.length < (limit as number) };
    const distinct = new Map(page.map((row) => [JSON.stringify(columns(row)), columns(row)]));
    return [...distinct.values()].map((row) => ({ ...row, ...end }));
  }

  #news([at, id, seconds, limit]: Parameters, by: Transaction): unknown[] {
    const from = (at === null ? this.nowMs : Number(at)) - Number(seconds) * 1000;
    const page = this.#seen(by)
      .flatMap((row) => (row.drainedAt === null ? [] : [{ row, drainedAt: row.drainedAt }]))
      .filter(({ row, drainedAt }) => drainedAt > from || (drainedAt === from && row.id > Number(id)))
      .sort((a, b) => a.drainedAt - b.drainedAt || a.row.id - b.row.id)
      .slice(0, limit as number);
    const now = { ...this.#installation(), now: String(this.nowMs) };
    if (page.length === 0) return [{ ...now, rowId: null }];
    return page.map(({ row, drainedAt }) => ({
      ...now,
      ...columns(row),
      rowId: String(row.id),
      version: row.version,
      endAt: String(drainedAt),
      atMs: drainedAt,
    }));
  }

  async #publish([limit, undrained]: Parameters, by: Transaction): Promise<unknown[]> {
    const isDue = (row: OutboxRow): boolean =>
      row.drainedAt !== null || (undrained === true && row.at < this.nowMs - PATIENCE_MS);
    if (!this.#seen().some((row) => row.eventId === null && isDue(row))) return [{ published: 0 }];
    await this.#position.take(by);
    const position = this.lastEventId;
    const seen = this.#seen();
    const due = seen.filter(
      (row) =>
        row.eventId === null &&
        seen.every((earlier) => earlier.userId !== row.userId || earlier.id > row.id || isDue(earlier)),
    );
    const published = due.slice(0, limit as number);
    // An UPDATE waits for rows that others have locked, and finds them as they were left.
    for (const row of published) await this.#waitForRow(row, by);
    for (const [index, { id }] of published.entries()) {
      const row = this.rows.get(id);
      if (row !== undefined) by.changed.set(id, { ...row, eventId: position + index + 1 });
    }
    if (published.length > 0)
      by.onCommit(() => {
        this.lastEventId = position + published.length;
        this.#notify('platform_events');
      });
    return [{ published: published.length }];
  }

  async #waitForRow(row: OutboxRow, by: Transaction): Promise<void> {
    for (;;) {
      const holder = this.#rowLocks.get(row.id);
      if (holder === undefined || holder === by) return this.#lock(row, by);
      await new Promise<void>((resolve) => holder.atEnd(resolve));
    }
  }

  #events([after, until, users, limit]: Parameters): unknown[] {
    return this.#seen()
      .flatMap((row) => (row.eventId === null ? [] : [{ ...row, eventId: row.eventId }]))
      .filter(({ eventId }) => eventId > Number(after) && eventId <= Number(until))
      .filter(({ userId }) => (users as number[]).includes(userId))
      .sort((a, b) => a.eventId - b.eventId)
      .slice(0, limit as number)
      .map(({ eventId, type, userId, platformId, at }) => ({
        eventId: String(eventId),
        type,
        userId,
        platformId,
        at: new Date(at),
      }));
  }

  #deleteExpired(limit: number, by: Transaction): unknown[] {
    const old = this.#seen(by).filter(
      (row) => row.at < this.nowMs - RETENTION_MS && row.drainedAt !== null && row.eventId !== null,
    );
    const gone = old.slice(0, limit);
    by.onCommit(() => {
      for (const { id } of gone) this.rows.delete(id);
      this.#byId = null;
    });
    const last = Math.max(...gone.map(({ eventId }) => eventId ?? 0));
    return [{ count: gone.length, eventId: gone.length === 0 ? null : String(last) }];
  }

  #installation() {
    return { id: 'simulated', epoch: 1, primaryName: 'pg', nowMs: this.nowMs };
  }
}

function columns({ userId, platformId, type }: OutboxRow) {
  return { userId, platformId, lookup: null, type };
}
