import { Injectable, Logger } from '@nestjs/common';
import { faultText } from '../common/fault-text.js';
import { OutageLog } from '../common/outage-log.js';
import { SingleRun } from '../common/single-run.js';
import { PublishedEvents } from '../outbox/published-events.js';
import { EventViews } from './event-views.js';
import type { Subscription } from './subscription.js';

const BATCH = 200;
const HEARTBEAT_MS = 20_000;

/** Reads published events once for all clients of this process, and offers each to the clients of its user. */
@Injectable()
export class EventFeed {
  readonly #logger = new Logger('Events');
  readonly #byUser = new Map<number, Set<Subscription>>();
  /** All events up to this id have been offered. Null while there are no clients. */
  #position: number | null = null;
  readonly #outage = new OutageLog(this.#logger);
  readonly #runs = new SingleRun(() => this.#run());
  #unlisten: () => void = () => {};
  #poll: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(
    private readonly published: PublishedEvents,
    private readonly views: EventViews,
  ) {}

  start(): void {
    this.#unlisten = this.published.onPublished(() => this.#runs.request());
    // Finds events whose notification was lost with its connection.
    this.#poll = setInterval(() => this.#runs.request(), this.published.pollMs).unref();
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#poll);
    clearInterval(this.#heartbeat);
    this.#unlisten();
    await this.#runs.idle();
  }

  subscriptionsOf(userId: number): number {
    return this.#byUser.get(userId)?.size ?? 0;
  }

  /** Call this before the subscription first reads the outbox, so that it is offered everything published afterwards. */
  add(subscription: Subscription): void {
    const { userId } = subscription;
    this.#byUser.set(userId, (this.#byUser.get(userId) ?? new Set()).add(subscription));
    if (this.#position === null) this.#runs.request();
  }

  remove(subscription: Subscription): void {
    const { userId } = subscription;
    const rest = this.#byUser.get(userId);
    rest?.delete(subscription);
    if (rest?.size === 0) this.#byUser.delete(userId);
  }

  async #run(): Promise<void> {
    if (this.#byUser.size === 0) {
      this.#position = null;
      return;
    }
    try {
      while (await this.#offerNews());
      this.#outage.succeeded();
    } catch (error) {
      // The position stays, so no event is lost.
      this.#outage.failed(`Could not read new events: ${faultText(error)}`);
    }
  }

  /** @returns whether there may be more. */
  async #offerNews(): Promise<boolean> {
    const after = this.#position;
    const page = await this.published.news(after, () => [...this.#byUser.keys()], BATCH);
    if (after === null || page.lastEventId < after || page.forgottenEventId > after) {
      // First read: clients may have read the outbox before this position, so they must read once more. A lower id means
      // that the database was restored from a backup, a forgotten one that another server has become the primary.
      this.#position = page.lastEventId;
      for (const subscription of this.#all()) subscription.catchUp();
      return false;
    }
    const events = await this.views.of(page.events);
    page.events.forEach(({ userId }, index) => {
      const event = events[index];
      if (event === undefined) return;
      for (const subscription of this.#byUser.get(userId) ?? []) subscription.offer(event);
    });
    const more = page.events.length === BATCH;
    this.#position = more ? (page.events.at(-1)?.eventId ?? after) : page.lastEventId;
    return more;
  }

  /** Moves idle clients forward. Otherwise one without events for a day would resume from an id that has been deleted. */
  #beat(): void {
    if (this.#position === null) return;
    for (const subscription of this.#all()) subscription.reached(this.#position);
  }

  *#all(): Iterable<Subscription> {
    for (const subscriptions of this.#byUser.values()) yield* subscriptions;
  }
}
