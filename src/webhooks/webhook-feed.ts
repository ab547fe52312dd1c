import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { faultText } from '../common/fault-text.js';
import { OutageLog } from '../common/outage-log.js';
import { SingleRun } from '../common/single-run.js';
import { Database } from '../database/database.js';
import { type EventWithFacts, PublishedEvents, type UnhandedPage } from '../outbox/published-events.js';
import type { PlatformView } from '../platforms/platform-view.js';
import { PlatformsService } from '../platforms/platforms.service.js';
import { InstanceOutages } from './instance-outages.js';
import {
  type WebhookEvent,
  type WebhookMessage,
  hasLabels,
  isCondition,
  messageOf,
  typesOf,
} from './webhook-events.js';
import { WebhookQueue } from './webhook-queue.js';
import { WebhookSender } from './webhook-sender.js';

/** Polling finds events whose notification was lost, what other processes have left, and deliveries to be repeated. */
const POLL_MS = 1000;
const BATCH = 200;
/** Connections that are read at once. */
const LOADS = 4;

/** A webhook that may want an event. */
export interface Subscriber {
  readonly id: number;
  /** Null: of all users. */
  readonly userId: number | null;
  readonly events: readonly WebhookEvent[];
  readonly labels: Readonly<Record<string, string>>;
}

/** An event with the connection as it is now; null if it is gone, or has another owner. */
export interface SeenEvent {
  readonly event: EventWithFacts;
  readonly view: PlatformView | null;
}

/**
 * Turns published events into deliveries. The position moves in the transaction that adds them, so a process that dies
 * loses no event and doubles none, and of several processes one at a time gets on.
 */
@Injectable()
export class WebhookFeed implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #outage = new OutageLog(new Logger('Webhooks'), 'Events are handed on to webhooks again.');
  readonly #runs = new SingleRun(() => this.run());
  #poll: NodeJS.Timeout | undefined;
  #unlisten: () => void = () => {};
  /** As of the last run; true while unknown. */
  #hasWebhooks = true;
  #stopped = false;

  constructor(
    private readonly published: PublishedEvents,
    private readonly platforms: PlatformsService,
    private readonly database: Database,
    private readonly queue: WebhookQueue,
    private readonly sender: WebhookSender,
    private readonly outages: InstanceOutages,
  ) {}

  onApplicationBootstrap(): void {
    this.#unlisten = this.published.onPublished(() => this.#runs.request());
    this.#runs.request();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stopped = true;
    this.#unlisten();
    await this.#runs.idle();
    clearTimeout(this.#poll);
    await this.sender.stop();
  }

  /** The connections of events as they are now. @throws {DatabaseBusy | DatabaseUnavailable} */
  async see(events: readonly EventWithFacts[]): Promise<SeenEvent[]> {
    const ids = new Set(
      events.filter(({ type }) => type !== 'platform.deleted').map(({ platformId }) => platformId),
    );
    const views = new Map<number, PlatformView>();
    const left = ids.values();
    const load = async (): Promise<void> => {
      for (const id of left) {
        const { value } = await this.platforms.find(id);
        if (value !== null) views.set(id, value.view);
      }
    };
    await Promise.all(Array.from({ length: LOADS }, load));
    return events.map((event) => {
      const view = event.type === 'platform.deleted' ? undefined : views.get(event.platformId);
      return { event, view: view?.userId === event.userId ? view : null };
    });
  }

  private async run(): Promise<void> {
    clearTimeout(this.#poll);
    this.#hasWebhooks = true;
    try {
      while (!this.#stopped && (await this.handOn()));
      this.#outage.succeeded();
    } catch (error) {
      // The position stays, so no event is lost.
      this.#outage.failed(`Events could not be handed on to webhooks: ${faultText(error)}`);
    }
    // Without webhooks there are only events to pass over, of which the embedded database loses no notification.
    const waitMs = this.#hasWebhooks ? POLL_MS : this.published.pollMs;
    this.#poll = setTimeout(() => this.#runs.request(), waitMs).unref();
  }

  /** @returns whether there may be more. */
  private async handOn(): Promise<boolean> {
    const page = await this.published.unhanded(BATCH);
    this.#hasWebhooks = page.hasWebhooks;
    if (!page.hasWebhooks) return false;
    this.sender.wake();
    if (page.upTo === page.handedEventId) return false;
    const seen = await this.see(page.events);
    await this.database.transaction((manager) => this.addIn(manager, page, seen));
    this.sender.wake();
    return page.events.length === BATCH;
  }

  private async addIn(manager: EntityManager, page: UnhandedPage, seen: readonly SeenEvent[]): Promise<void> {
    const [, moved] = await manager.query<[unknown[], number]>(
      'UPDATE event_handover SET event_id = $2 WHERE event_id = $1',
      [page.handedEventId, page.upTo],
    );
    // Another process has handed them on.
    if (moved === 0) return;
    const subscribers = await manager.query<Subscriber[]>(
      `SELECT w.id, w.user_id AS "userId", events, labels FROM webhooks w LEFT JOIN users u ON u.id = w.user_id
       WHERE (w.user_id IS NULL OR w.user_id = ANY($1::integer[])) AND u.disabled_at IS NULL ORDER BY w.id FOR KEY SHARE OF w`,
      [[...new Set(page.events.map(({ userId }) => userId))]],
    );
    const messages: (WebhookMessage & { readonly webhookId: number })[] = [];
    for (const one of seen) {
      for (const subscriber of subscribers) {
        const { id: webhookId } = subscriber;
        for (const message of messagesFor(subscriber, one)) {
          if (isCondition(message.type) && !(await this.outages.isNews(manager, webhookId, one))) continue;
          messages.push({ ...message, webhookId });
        }
      }
    }
    await this.queue.addIn(manager, messages);
  }
}

/** What a webhook hears of an event. */
export function messagesFor(
  { userId, events, labels }: Subscriber,
  { event, view }: SeenEvent,
): WebhookMessage[] {
  if (userId !== null && userId !== event.userId) return [];
  if (!hasLabels(event.facts.labels ?? {}, labels)) return [];
  return typesOf(event)
    .filter((type) => events.includes(type))
    .map((type) => messageOf(event, type, view));
}
