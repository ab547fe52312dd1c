import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ServiceUnavailable } from '../common/domain-error.js';
import { faultText } from '../common/fault-text.js';
import type { DropReason, EventMeter } from '../outbox/event-meter.js';
import type { PublishedEvents } from '../outbox/published-events.js';
import type { Credential } from './credential.js';
import type { EventSink } from './event-sink.js';
import type { EventViews } from './event-views.js';
import type { PlatformEvent } from './platform-event.js';

const PAGE = 100;
/** A client that receives nothing for this long is disconnected. It resumes from the last event that it has seen. */
const SLOW_MS = 20_000;
/** Delay before reading the database again, plus up to as much at random, because many clients wait at once. */
const RETRY_MS = 1000;

export interface SubscriptionSources {
  readonly published: PublishedEvents;
  readonly views: EventViews;
  readonly meter: EventMeter;
  readonly drop: (reason: DropReason) => void;
}

/**
 * One client's events. A subscription is either live and gets each event when it is published, or it catches up by
 * reading the outbox in pages. An event offered while it catches up, or while the client is congested, is not queued:
 * the subscription reads the outbox again instead. So a slow client costs no memory, and no event is missed when a
 * subscription goes live.
 */
export class Subscription {
  readonly #logger = new Logger('Events');
  #catchingUp = false;
  #missed = false;
  #ended = false;
  #ready = false;
  /** All events for this client up to this id have been sent or are not for it. Null until the first read. */
  #cursor: number | null;

  constructor(
    private readonly credential: Pick<Credential, 'user' | 'permitsPlatform'>,
    readonly sink: EventSink,
    private readonly sources: SubscriptionSources,
    after: number | null,
  ) {
    this.#cursor = after;
  }

  get userId(): number {
    return this.credential.user.id;
  }

  /** Takes a published event. Events must be offered in order. */
  offer(event: PlatformEvent): void {
    if (this.#cursor !== null && event.eventId <= this.#cursor) return;
    if (this.#catchingUp || this.sink.congested) this.catchUp();
    else this.#send(event);
  }

  /** All events up to `lastEventId` have been offered. */
  reached(lastEventId: number): void {
    if (this.#ended || this.#catchingUp || this.#cursor === null || this.sink.congested) return;
    this.#cursor = Math.max(this.#cursor, lastEventId);
    this.sink.position(this.#cursor);
  }

  /** Reads the outbox; if a read is already running, reads once more after it. */
  catchUp(): void {
    this.#missed = true;
    if (this.#catchingUp || this.#ended) return;
    this.#catchingUp = true;
    void this.#readUntilLive();
  }

  end(): void {
    this.#ended = true;
  }

  async #readUntilLive(): Promise<void> {
    while (this.#missed && !this.#ended) {
      this.#missed = false;
      try {
        await this.#readPages();
      } catch (error) {
        this.#missed = true;
        if (!(error instanceof ServiceUnavailable)) {
          this.#logger.error(`Could not read the events of a client: ${faultText(error)}`);
          this.sources.drop('error');
          return;
        }
        await sleep(RETRY_MS * (1 + Math.random()), undefined, { ref: false });
      }
    }
    // No await between the last check of #missed and this line, so no catchUp() can be lost.
    this.#catchingUp = false;
    if (this.#ended || this.#ready || this.#cursor === null) return;
    this.#ready = true;
    this.sink.ready(this.#cursor);
  }

  async #readPages(): Promise<void> {
    for (;;) {
      const after = this.#cursor ?? Number.MAX_SAFE_INTEGER;
      const page = await this.sources.published.replay(this.userId, after, PAGE);
      if (this.#ended) return;
      if (this.#cursor === null) {
        this.#cursor = page.lastEventId;
        return;
      }
      if (this.#cursor < page.forgottenEventId || this.#cursor > page.lastEventId) {
        this.#cursor = page.lastEventId;
        this.sink.reset(this.#cursor);
        return;
      }
      for (const event of await this.sources.views.of(page.events)) {
        if (!(await this.#writable())) return;
        if (this.#send(event)) this.sources.meter.replayed();
      }
      if (page.events.length < PAGE) {
        this.#cursor = Math.max(this.#cursor, page.lastEventId);
        return;
      }
    }
  }

  /** @returns false if the client has disconnected, or was dropped because it was congested for too long. */
  async #writable(): Promise<boolean> {
    const deadline = performance.now() + SLOW_MS;
    while (this.sink.congested && !this.#ended) {
      const left = deadline - performance.now();
      if (left <= 0) {
        this.sources.drop('slow');
        return false;
      }
      const abandoned = new AbortController();
      await Promise.race([
        this.sink.drained(),
        sleep(left, undefined, { ref: false, signal: abandoned.signal }).catch(() => undefined),
      ]);
      abandoned.abort();
    }
    return !this.#ended;
  }

  /** @returns whether it was sent. The cursor passes an event that the client may not see. */
  #send(event: PlatformEvent): boolean {
    if (this.#ended) return false;
    this.#cursor = event.eventId;
    if (!this.credential.permitsPlatform(event.platformId)) return false;
    this.sink.event(event);
    this.sources.meter.sent(event.type);
    return true;
  }
}
