import type { InstallationReading } from '../common/installation.js';
import { INSTALLATION_COLUMNS } from '../database/read-installation.js';
import {
  API_KEY_CHANGED,
  type Change,
  type CommittedChanges,
  type HeardChange,
  SESSION_ENDED,
  isPlatformChange,
  isSessionChange,
} from './change.js';
import type { Query } from './outbox-session.js';

/** A row of the outbox that this process drains. Both as text: a number has not all of a bigint, nor a Date microseconds. */
export type OutboxRow = Change & { readonly id: string; readonly claimedAt: string };

interface ChangeColumns {
  readonly userId: number;
  readonly platformId: number | null;
  /** Of an API key, or the key of a session. */
  readonly lookup: string | null;
  readonly type: string;
}
const CHANGE_COLUMNS = 'user_id AS "userId", platform_id AS "platformId", api_key_lookup AS lookup, type';

/** What a writer has dropped itself. */
export interface DroppedChanges extends CommittedChanges {
  /** After the COMMIT and before the drop, by the database's clock, in Unix milliseconds. */
  readonly atMs: number;
}

export interface Backlog {
  /** Changes whose cache entries have not been dropped yet; counted up to a bound. */
  readonly pending: number;
  /** Age of the oldest one in seconds, by the database's clock. */
  readonly lagSeconds: number;
}

const COUNT_BOUND = 10_001;
const RETENTION = '24 hours';
/** As publishing waits: somebody may have the numbers of events locked by hand, and the relay has more to do. */
const POSITION_WAIT = '300ms';

/**
 * Marks what writers have dropped themselves. A change of the same transaction that the writer did not name stays pending,
 * and so does a row that a relay has locked: that relay is dropping its keys.
 */
export async function markDropped(query: Query, dropped: readonly DroppedChanges[]): Promise<void> {
  const rows = dropped.flatMap(({ transactionId, changes, atMs }) =>
    changes.map((change) => ({ transactionId, change, atMs })),
  );
  await query(
    `WITH own AS (
       SELECT c.id, given.at_ms FROM platform_changes c
       JOIN unnest($1::xid8[], $2::integer[], $3::varchar[], $4::varchar[], $5::float8[])
         AS given (transaction_id, platform_id, lookup, type, at_ms)
       ON c.transaction_id = given.transaction_id AND (given.type IS NULL OR c.type = given.type)
         AND (c.platform_id = given.platform_id OR c.api_key_lookup = given.lookup)
       WHERE c.drained_at IS NULL FOR UPDATE OF c SKIP LOCKED
     )
     UPDATE platform_changes c SET drained_at = to_timestamp(own.at_ms / 1000) FROM own WHERE c.id = own.id`,
    [
      rows.map(({ transactionId }) => transactionId),
      rows.map(({ change }) => (isPlatformChange(change) ? change.platformId : null)),
      rows.map(({ change }) => lookupOf(change)),
      rows.map(({ change }) => change.type ?? null),
      rows.map(({ atMs }) => atMs),
    ],
  );
}

/**
 * The oldest pending changes that no other process is working on, locked until the transaction ends.
 *
 * @param graceMs leaves younger ones to their writers.
 */
export async function claimPending(query: Query, limit: number, graceMs: number): Promise<OutboxRow[]> {
  const rows = await query<ChangeColumns & { id: string; claimedAt: string }>(
    `SELECT id, clock_timestamp()::text AS "claimedAt", ${CHANGE_COLUMNS} FROM platform_changes
     WHERE drained_at IS NULL AND at <= clock_timestamp() - $2::float8 * interval '1 millisecond'
     ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`,
    [limit, graceMs],
  );
  return rows.map(({ id, claimedAt, ...change }) => ({ id, claimedAt, ...changeOf(change) }));
}

export async function markDrained(query: Query, rows: readonly OutboxRow[]): Promise<void> {
  await query(
    `UPDATE platform_changes SET drained_at = claimed.at
     FROM unnest($1::bigint[], $2::timestamptz[]) AS claimed (id, at) WHERE platform_changes.id = claimed.id`,
    [rows.map(({ id }) => id), rows.map(({ claimedAt }) => claimedAt)],
  );
}

/** Rows that another process has locked count too: they are not drained yet. */
export async function backlog(query: Query): Promise<Backlog> {
  const [row] = await query<Backlog>(
    `SELECT
       (SELECT count(*) FROM (SELECT 1 FROM platform_changes WHERE drained_at IS NULL LIMIT ${COUNT_BOUND}) AS bounded
       )::integer AS pending,
       coalesce(
         (SELECT extract(epoch FROM clock_timestamp() - at) FROM platform_changes
          WHERE drained_at IS NULL ORDER BY id LIMIT 1), 0
       )::float8 AS "lagSeconds"`,
  );
  if (row === undefined) throw new Error('The backlog query returned no row.');
  return row;
}

/** Which of these users have changes that are not drained. */
export async function pendingUsers(query: Query, userIds: readonly number[]): Promise<ReadonlySet<number>> {
  const rows = await query<{ userId: number }>(
    `SELECT DISTINCT user_id AS "userId" FROM platform_changes WHERE user_id = ANY($1::integer[]) AND drained_at IS NULL`,
    [userIds],
  );
  return new Set(rows.map(({ userId }) => userId));
}

/** Where a page of the outbox ended. Both as text: a Date has no microseconds, and a number not all of a bigint. */
export interface OutboxPosition {
  readonly at: string;
  readonly id: string;
}

export const OUTBOX_START: OutboxPosition = { at: '-infinity', id: '0' };

export interface ChangesPage {
  /** Each once, however often it took place. */
  readonly changes: readonly Change[];
  /** Null when there is nothing after it. */
  readonly end: OutboxPosition | null;
}

/** What was changed by up to `limit` rows of the last `seconds`, after a position. */
export async function changesSince(
  query: Query,
  seconds: number,
  after: OutboxPosition,
  limit: number,
): Promise<ChangesPage> {
  const rows = await query<ChangeColumns & { endAt: string; endId: string; isLast: boolean }>(
    `SELECT ${CHANGE_COLUMNS}, end_at::text AS "endAt", end_id AS "endId", is_last AS "isLast"
     FROM platform_changes_since($1, $2, $3, $4)`,
    [after.at, after.id, seconds, limit],
  );
  const [first] = rows;
  const isLast = first === undefined || first.isLast;
  return { changes: rows.map(changeOf), end: isLast ? null : { at: first.endAt, id: first.endId } };
}

export interface News {
  readonly installation: InstallationReading;
  /** Changes whose keys were dropped, oldest first. What was read before `atMs` is stale. */
  readonly dropped: readonly HeardChange[];
  /** Where the page ended; where it began, or the time now, when it is empty. */
  readonly end: OutboxPosition;
}

/**
 * What the processes of this installation have dropped since a position: up to `limit` changes, by the time of the drop.
 * A time comes a little late into the table, so begin `overlapSeconds` before the position.
 *
 * @param after null for now.
 */
export async function newsSince(
  query: Query,
  after: OutboxPosition | null,
  overlapSeconds: number,
  limit: number,
): Promise<News> {
  const rows = await query<
    InstallationReading &
      ChangeColumns &
      Pick<HeardChange, 'version' | 'atMs'> & { now: string; rowId: string | null; endAt: string }
  >(
    `SELECT ${INSTALLATION_COLUMNS}, now()::text AS now, c.* FROM installation LEFT JOIN LATERAL (
       SELECT platform_changes.id::text AS "rowId", ${CHANGE_COLUMNS}, version, drained_at::text AS "endAt",
         (extract(epoch FROM drained_at) * 1000)::float8 AS "atMs"
       FROM platform_changes
       WHERE drained_at IS NOT NULL
         AND (drained_at, platform_changes.id) > (coalesce($1::timestamptz, now()) - make_interval(secs => $3), $2::bigint)
       ORDER BY drained_at, platform_changes.id LIMIT $4
     ) AS c ON true`,
    [after?.at ?? null, after?.id ?? '0', overlapSeconds, limit],
  );
  const [first] = rows;
  if (first === undefined) throw new Error('The table installation has no row.');
  const { id, epoch, primaryName, nowMs } = first;
  const dropped = rows.flatMap((row) =>
    row.rowId === null
      ? []
      : [{ id: row.rowId, change: changeOf(row), version: row.version, atMs: row.atMs, endAt: row.endAt }],
  );
  const last = dropped.at(-1);
  return {
    installation: { id, epoch, primaryName, nowMs },
    dropped,
    end: last === undefined ? (after ?? { at: first.now, id: '0' }) : { at: last.endAt, id: last.id },
  };
}

/**
 * Remembers the highest deleted event id, so that a client that resumes from an older one learns that it missed events.
 * What has not been handed on to webhooks stays, however old it is.
 *
 * @returns how many rows went; fewer than `limit` means that no more are due.
 */
export async function deleteExpired(query: Query, limit: number): Promise<number> {
  const [gone] = await query<{ count: number; eventId: string | null }>(
    `WITH gone AS (
       DELETE FROM platform_changes WHERE id IN (
         SELECT id FROM platform_changes
         WHERE at < now() - interval '${RETENTION}' AND drained_at IS NOT NULL
           AND (event_id IS NOT NULL OR type NOT LIKE 'platform.%')
           AND (event_id IS NULL OR event_id <= (SELECT handover.event_id FROM event_handover handover))
         ORDER BY at LIMIT $1 FOR UPDATE SKIP LOCKED
       ) RETURNING event_id
     ) SELECT count(*)::integer AS count, max(event_id) AS "eventId", set_config('lock_timeout', $2, true) FROM gone`,
    [limit, POSITION_WAIT],
  );
  if (gone === undefined || gone.eventId === null) return gone?.count ?? 0;
  await query(
    'UPDATE platform_event_position SET forgotten_event_id = $1 WHERE forgotten_event_id < $1::bigint',
    [gone.eventId],
  );
  return gone.count;
}

/**
 * Gives numbers to events that may be told now, and notifies.
 *
 * @param undrained also those that have waited for their cached entries to be dropped for longer than a writer does.
 * @returns how many; `limit` means that there may be more.
 */
export async function publishEvents(query: Query, limit: number, undrained: boolean): Promise<number> {
  const [row] = await query<{ published: number }>('SELECT platform_changes_publish($1, $2) AS published', [
    limit,
    undrained,
  ]);
  return row?.published ?? 0;
}

/** A constraint of the table says that a row is either of a connection or of an API key or session. */
function changeOf({ userId, platformId, lookup, type }: ChangeColumns): Change {
  if (lookup !== null) {
    return type === SESSION_ENDED
      ? { userId, sessionKey: lookup, type }
      : { userId, apiKeyLookup: lookup, type: API_KEY_CHANGED };
  }
  if (platformId !== null) return { userId, platformId, type };
  throw new Error('An outbox row says neither which connection nor which API key or session has changed.');
}

function lookupOf(change: Change): string | null {
  if (isPlatformChange(change)) return null;
  return isSessionChange(change) ? change.sessionKey : change.apiKeyLookup;
}
