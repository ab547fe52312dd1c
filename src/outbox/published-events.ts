import type { Database } from '../database/database.js';
import type { OutboxSession } from './outbox-session.js';

export const EVENT_TYPES = [
  'platform.created',
  'platform.updated',
  'platform.deleted',
  'platform.default_changed',
  'platform.status_changed',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** A change that users may see. Ids grow in the order in which events become visible. */
export interface PublishedEvent {
  readonly eventId: number;
  readonly type: EventType;
  readonly userId: number;
  readonly platformId: number;
  readonly at: Date;
}

export interface EventPage {
  /** Ordered by id. */
  readonly events: readonly PublishedEvent[];
  /** The id of the last event of any user. */
  readonly lastEventId: number;
  /** Events up to this id may have been deleted. */
  readonly forgottenEventId: number;
}

/** What the row of the connection no longer says when the event is read. */
export interface EventFacts {
  /** The statuses before and after a change of status. */
  readonly from?: string;
  readonly to?: string;
  /** Whether the access token was replaced. */
  readonly credentials?: true;
  /** Whether the access token is about to expire. */
  readonly expiring?: true;
  /** Those that it had then, if any. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface EventWithFacts extends PublishedEvent {
  readonly facts: EventFacts;
}

/** Events that have not been handed on to webhooks. */
export interface UnhandedPage {
  readonly events: readonly EventWithFacts[];
  /** Events up to this id have been handed on. */
  readonly handedEventId: number;
  /** The last id of this page; of all events if there are no webhooks. */
  readonly upTo: number;
  readonly hasWebhooks: boolean;
}

/** node-postgres gives a bigint as text. */
type Numbers<T> = { readonly [K in keyof T]: T[K] extends number ? string : T[K] };
interface EventRow extends Omit<PublishedEvent, 'eventId'> {
  readonly eventId: string;
}

const COLUMNS = 'event_id AS "eventId", type, user_id AS "userId", platform_id AS "platformId", at';

/** Reads published events from the outbox. */
export class PublishedEvents {
  readonly #wakers = new Set<() => void>();

  constructor(
    private readonly session: OutboxSession,
    private readonly database: Database,
  ) {
    session.onNotification('platform_events', () => {
      for (const wake of this.#wakers) wake();
    });
  }

  /** How often to look for events that no notification told of, in milliseconds. */
  get pollMs(): number {
    return this.session.pollMs;
  }

  /**
   * `wake` is called soon after any process has published an event. A notification can be lost, so poll as well.
   *
   * @returns ends that.
   */
  onPublished(wake: () => void): () => void {
    this.#wakers.add(wake);
    return () => this.#wakers.delete(wake);
  }

  /**
   * New events of some users, oldest first. Uses the outbox's own connection, so requests cannot delay it.
   *
   * @param users is called after the last id has been read: if a user joins later, that user's own first read covers the
   * events up to it.
   * @param after null only asks for the last id.
   */
  news(after: number | null, users: () => readonly number[], limit: number): Promise<EventPage> {
    return this.session.transaction(async (query) => {
      const [row] = await query<Numbers<Omit<EventPage, 'events'>>>(
        `SELECT last_event_id AS "lastEventId", forgotten_event_id AS "forgottenEventId" FROM platform_event_position`,
      );
      const position = positionOf(row);
      if (after === null || after >= position.lastEventId) return { events: [], ...position };
      const rows = await query<EventRow>(
        `SELECT ${COLUMNS} FROM platform_changes
         WHERE event_id > $1 AND event_id <= $2 AND user_id = ANY($3::integer[]) ORDER BY event_id LIMIT $4`,
        [after, position.lastEventId, users(), limit],
      );
      return { events: rows.map(eventOf), ...position };
    });
  }

  /**
   * The oldest events of all users that have not been handed on. Passes over those that no webhook is there for. Uses the
   * outbox's own connection.
   */
  async unhanded(limit: number): Promise<UnhandedPage> {
    const [row] = await this.session.statement<{ handed: string; last: string; hasWebhooks: boolean }>(
      // Waits for no lock, because the relay uses the same connection. Another process that has the lock does the same.
      `WITH behind AS (
         SELECT 1 FROM event_handover
         WHERE event_id < (SELECT last_event_id FROM platform_event_position) AND NOT EXISTS (SELECT 1 FROM webhooks)
         FOR UPDATE SKIP LOCKED
       ), passed AS (
         UPDATE event_handover SET event_id = (SELECT last_event_id FROM platform_event_position)
         WHERE EXISTS (SELECT 1 FROM behind)
       )
       SELECT event_id AS handed, (SELECT last_event_id FROM platform_event_position) AS last,
         EXISTS (SELECT 1 FROM webhooks) AS "hasWebhooks"
       FROM event_handover`,
    );
    if (row === undefined) throw new Error('event_handover has no row.');
    const { hasWebhooks } = row;
    const handedEventId = Number(row.handed);
    const lastEventId = Number(row.last);
    if (!hasWebhooks || handedEventId === lastEventId)
      return { events: [], handedEventId, upTo: lastEventId, hasWebhooks };
    const rows = await this.session.statement<EventRow & Pick<EventWithFacts, 'facts'>>(
      `SELECT ${COLUMNS}, coalesce(facts, '{}') AS facts FROM platform_changes
       WHERE event_id > $1 AND event_id <= $2 ORDER BY event_id LIMIT $3`,
      [handedEventId, lastEventId, limit],
    );
    const events = rows.map((event) => ({ ...eventOf(event), facts: event.facts }));
    const upTo = events.length < limit ? lastEventId : (events.at(-1)?.eventId ?? lastEventId);
    return { events, handedEventId, upTo, hasWebhooks };
  }

  /**
   * Events with a number from `from` to `upTo`, oldest first. Waits at the admission gate.
   *
   * @param userId null for those of all users.
   * @returns null if events with such numbers may have been deleted.
   */
  async between(
    userId: number | null,
    from: number,
    upTo: number,
    limit: number,
  ): Promise<readonly EventWithFacts[] | null> {
    // One statement, so that an event that is deleted at the same time is either returned or counted as deleted.
    const rows = await this.database.statement<
      { forgotten: string } & ((EventRow & Pick<EventWithFacts, 'facts'>) | { readonly eventId: null })
    >(
      `SELECT forgotten_event_id AS forgotten, event.* FROM platform_event_position LEFT JOIN (
         SELECT ${COLUMNS}, coalesce(facts, '{}') AS facts FROM platform_changes
         WHERE event_id >= $1 AND event_id <= $2 ${userId === null ? '' : 'AND user_id = $4'} ORDER BY event_id LIMIT $3
       ) AS event ON true ORDER BY "eventId"`,
      [from, upTo, limit, ...(userId === null ? [] : [userId])],
    );
    if (from <= Number(rows[0]?.forgotten)) return null;
    return rows.flatMap((row) => (row.eventId === null ? [] : [{ ...eventOf(row), facts: row.facts }]));
  }

  /** The last event that has been handed on to webhooks. */
  async handedOn(): Promise<number> {
    const [row] = await this.database.statement<{ id: string }>('SELECT event_id AS id FROM event_handover');
    return Number(row?.id ?? 0);
  }

  /**
   * A user's events after an id. Waits at the admission gate.
   *
   * @throws {DatabaseBusy | DatabaseUnavailable}
   */
  async replay(userId: number, after: number, limit: number): Promise<EventPage> {
    // One statement, so that an event that is deleted at the same time is either returned or counted as deleted.
    const rows = await this.database.statement<
      Numbers<Omit<EventPage, 'events'>> & (EventRow | { readonly eventId: null })
    >(
      `SELECT last_event_id AS "lastEventId", forgotten_event_id AS "forgottenEventId", event.*
       FROM platform_event_position LEFT JOIN (
         SELECT ${COLUMNS} FROM platform_changes WHERE user_id = $1 AND event_id > $2 ORDER BY event_id LIMIT $3
       ) AS event ON true ORDER BY "eventId"`,
      [userId, after, limit],
    );
    return {
      ...positionOf(rows[0]),
      events: rows.flatMap((row) => (row.eventId === null ? [] : [eventOf(row)])),
    };
  }
}

function positionOf(row: Numbers<Omit<EventPage, 'events'>> | undefined): Omit<EventPage, 'events'> {
  if (row === undefined) throw new Error('platform_event_position has no row.');
  return { lastEventId: Number(row.lastEventId), forgottenEventId: Number(row.forgottenEventId) };
}

function eventOf({ eventId, type, userId, platformId, at }: EventRow): PublishedEvent {
  return { eventId: Number(eventId), type, userId, platformId, at };
}
