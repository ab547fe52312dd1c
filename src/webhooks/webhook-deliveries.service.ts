import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import { type Place, decodeCursor, encodeCursor } from '../http/page-cursor.js';
import { KeyedRequests } from '../idempotency/keyed-requests.js';
import { PublishedEvents } from '../outbox/published-events.js';
import type { DeliveryDto } from './dto/delivery.dto.js';
import { TEST_TYPE, type WebhookMessage } from './webhook-events.js';
import { type Subscriber, WebhookFeed, messagesFor } from './webhook-feed.js';
import { WebhookQueue } from './webhook-queue.js';
import { WebhookSender } from './webhook-sender.js';
import { DeliveryNotFound, EventsForgotten, WebhookNotFound } from './webhooks.errors.js';
import type { WebhookOwner } from './webhooks.service.js';

/** Events that one replay looks at; their number bounds the time of the request. */
const MAX_REPLAYED = 500;
const PAGE = 100;
/** No connection has it. */
const NO_PLATFORM = 0;

const COLUMNS = `d.id::float8 AS id, d.message_id AS "messageId", d.event_id::float8 AS "eventId", d.type,
  nullif(d.platform_id, ${NO_PLATFORM}) AS "platformId", d.status, d.attempts, d.created_at AS "createdAt",
  d.last_attempt_at AS "lastAttemptAt", d.response_status AS "responseStatus", d.response_body AS "responseBody", d.error,
  CASE WHEN d.status = 'pending' AND s.attempts > 0 AND s.due_at < 'infinity' AND NOT EXISTS (
    SELECT 1 FROM webhook_deliveries e WHERE e.webhook_id = d.webhook_id AND e.platform_id = d.platform_id
      AND e.status = 'pending' AND e.id < d.id
  ) THEN s.due_at END AS "nextAttemptAt"`;
const STREAM = `LEFT JOIN webhook_streams s ON s.webhook_id = d.webhook_id AND s.platform_id = d.platform_id`;
const OWNED = 'w.user_id IS NOT DISTINCT FROM $1 AND w.id = $2';

export interface DeliveriesFilter {
  readonly status?: DeliveryDto['status'];
  readonly limit: number;
  readonly cursor?: string;
}

export interface DeliveriesPage {
  readonly items: readonly DeliveryDto[];
  /** Null on the last page. */
  readonly next: string | null;
}

export function deliveryPlaceOf(_query: object, id = 1): Place {
  return { sort: 'deliveries', keys: [id] };
}

/** What was sent to a webhook, and what is to be sent again. */
@Injectable()
export class WebhookDeliveries {
  constructor(
    private readonly database: Database,
    private readonly published: PublishedEvents,
    private readonly feed: WebhookFeed,
    private readonly queue: WebhookQueue,
    private readonly sender: WebhookSender,
    private readonly keyed: KeyedRequests,
  ) {}

  /** The newest first. @throws {WebhookNotFound} */
  async list({ userId }: WebhookOwner, webhookId: number, filter: DeliveriesFilter): Promise<DeliveriesPage> {
    const { status, limit, cursor } = filter;
    const { sort, keys } = deliveryPlaceOf({});
    const [before] = (cursor === undefined ? null : decodeCursor(cursor, sort, keys)) ?? [];
    const rows = await this.database.load(async (manager) => {
      await this.find(manager, userId, webhookId);
      return manager.query<DeliveryDto[]>(
        `SELECT ${COLUMNS} FROM webhook_deliveries d ${STREAM}
         WHERE d.webhook_id = $1 AND ($2::bigint IS NULL OR d.id < $2) AND ($3::text IS NULL OR d.status = $3)
         ORDER BY d.id DESC LIMIT $4`,
        // One more tells whether there is a next page.
        [webhookId, before ?? null, status ?? null, limit + 1],
      );
    });
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const next =
      last === undefined || rows.length <= limit ? null : encodeCursor(deliveryPlaceOf({}, last.id));
    return { items, next };
  }

  /** Sends the same message once more, behind what waits. @throws {WebhookNotFound | DeliveryNotFound} */
  async resend({ userId }: WebhookOwner, webhookId: number, deliveryId: number): Promise<DeliveryDto> {
    return this.enqueue(userId, webhookId, async (manager) => {
      const [message] = await manager.query<WebhookMessage[]>(
        `SELECT message_id AS "messageId", event_id::float8 AS "eventId", type, platform_id AS "platformId", payload
         FROM webhook_deliveries WHERE webhook_id = $1 AND id = $2`,
        [webhookId, deliveryId],
      );
      if (message === undefined) throw new DeliveryNotFound();
      return message;
    });
  }

  /** Sends a message that says nothing. @throws {WebhookNotFound} */
  async test({ userId }: WebhookOwner, webhookId: number): Promise<DeliveryDto> {
    const payload = JSON.stringify({ type: TEST_TYPE, timestamp: new Date(), data: { webhookId } });
    const messageId = `test_${randomUUID()}`;
    return this.enqueue(userId, webhookId, () =>
      Promise.resolve({ messageId, eventId: null, type: TEST_TYPE, platformId: NO_PLATFORM, payload }),
    );
  }

  /**
   * Sends what has happened since an event, that event included, as the connections are now.
   *
   * @returns how many messages, and the event to go on with if there are more.
   * @throws {WebhookNotFound | EventsForgotten}
   */
  async replay(
    { userId }: WebhookOwner,
    webhookId: number,
    fromEventId: number,
  ): Promise<{ queued: number; nextEventId: number | null }> {
    const subscriber = await this.database.load((manager) => this.find(manager, userId, webhookId));
    const upTo = await this.published.handedOn();
    let queued = 0;
    let from = fromEventId;
    for (let looked = 0; looked < MAX_REPLAYED; looked += PAGE) {
      const events = await this.published.between(userId, from, upTo, PAGE);
      if (events === null) throw new EventsForgotten();
      const seen = await this.feed.see(events);
      const messages = seen.flatMap((one) =>
        messagesFor(subscriber, one).map((message) => ({ ...message, webhookId })),
      );
      await this.database.transaction(async (manager) => {
        await this.find(manager, userId, webhookId);
        await this.queue.addIn(manager, messages);
      });
      this.sender.wake();
      queued += messages.length;
      const last = events.at(-1);
      if (last === undefined || events.length < PAGE) return { queued, nextEventId: null };
      from = last.eventId + 1;
    }
    return { queued, nextEventId: from };
  }

  private async enqueue(
    userId: number | null,
    webhookId: number,
    messageOf: (manager: EntityManager) => Promise<WebhookMessage>,
  ): Promise<DeliveryDto> {
    const delivery = await this.database.transaction(async (manager) => {
      await this.find(manager, userId, webhookId);
      const message = await messageOf(manager);
      await this.queue.addIn(manager, [{ ...message, webhookId }]);
      const [added] = await manager.query<DeliveryDto[]>(
        `SELECT ${COLUMNS} FROM webhook_deliveries d ${STREAM}
         WHERE d.webhook_id = $1 AND d.message_id = $2 AND d.status = 'pending'`,
        [webhookId, message.messageId],
      );
      // Delivered in this moment by another process: the one that waited.
      if (added === undefined) throw new DeliveryNotFound();
      await this.keyed.keepIn(manager, added);
      return added;
    });
    this.sender.wake();
    return delivery;
  }

  /** Locked against its deletion. */
  private async find(manager: EntityManager, userId: number | null, id: number): Promise<Subscriber> {
    const [webhook] = await manager.query<Subscriber[]>(
      `SELECT w.id, w.user_id AS "userId", w.events, w.labels FROM webhooks w WHERE ${OWNED}
       FOR KEY SHARE`,
      [userId, id],
    );
    if (webhook === undefined) throw new WebhookNotFound();
    return webhook;
  }
}
