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

/** node-postgres gives a bigint as text. */
type Numbers<T> = { readonly [K in keyof T]: T[K] extends number ? string : T[K] };
interface EventRow extends Omit<PublishedEvent, 'eventId'> {
  readonly eventId: string;
}

const COLUMNS = 'event_id AS "eventId", type, user_id AS "userId", platform_id AS "platformId", at';

/** Reads published events from the outbox. */
export class PublishedEvents {
  #wake: () => void = () => {};

  constructor(
    private readonly session: OutboxSession,
    private readonly database: Database,
  ) {
    session.onNotification('platform_events', () => this.#wake());
  }

  /** `wake` is called soon after any process has published an event. A notification can be lost, so poll as well. */
  onPublished(wake: () => void): void {
    this.#wake = wake;
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
