import { Injectable } from '@nestjs/common';
import { TokenVerifier } from '../auth/token-verifier.js';
import { AppConfig } from '../config/app-config.js';
import { type DropReason, EventMeter } from '../outbox/event-meter.js';
import { PublishedEvents } from '../outbox/published-events.js';
import { Credential } from './credential.js';
import { EventFeed } from './event-feed.js';
import type { EventSink } from './event-sink.js';
import { EventViews } from './event-views.js';
import { EventsShuttingDown, TooManyEventClients } from './events.errors.js';
import { Subscription } from './subscription.js';

/** The event clients connected to this process. */
@Injectable()
export class EventClients {
  readonly #sinks = new Set<EventSink>();
  #closed = false;

  constructor(
    private readonly feed: EventFeed,
    private readonly tokens: TokenVerifier,
    private readonly published: PublishedEvents,
    private readonly views: EventViews,
    private readonly meter: EventMeter,
    private readonly config: AppConfig,
  ) {}

  /** @throws {InvalidAccessToken | Forbidden | PolicyRefused | ServiceUnavailable} */
  authenticate(token: string, address: string): Promise<Credential> {
    return Credential.of(token, address, this.tokens);
  }

  /** @throws {TooManyEventClients | EventsShuttingDown} */
  assertRoom({ user }: Credential): void {
    if (this.#closed) throw new EventsShuttingDown();
    const { maxClients, maxClientsPerUser } = this.config.events;
    if (this.#sinks.size >= maxClients || this.feed.subscriptionsOf(user.id) >= maxClientsPerUser) {
      throw new TooManyEventClients();
    }
  }

  /**
   * Subscribes a client. It first gets the events after `lastEventId`, then live events.
   *
   * @returns a function to call when the connection has ended, no matter which side ended it.
   * @throws {TooManyEventClients | EventsShuttingDown}
   */
  join(credential: Credential, sink: EventSink, lastEventId: number | null): () => void {
    this.assertRoom(credential);
    const { published, views, meter } = this;
    const sources = { published, views, meter, drop: (reason: DropReason) => this.drop(sink, reason) };
    const subscription = new Subscription(credential, sink, sources, lastEventId);
    this.#sinks.add(sink);
    meter.clients[sink.transport]++;
    this.feed.add(subscription);
    subscription.catchUp();
    credential.watch(() => this.drop(sink, 'unauthenticated'));
    return () => {
      if (!this.#sinks.delete(sink)) return;
      meter.clients[sink.transport]--;
      this.feed.remove(subscription);
      subscription.end();
      credential.release();
    };
  }

  drop(sink: EventSink, reason: DropReason): void {
    this.meter.dropped(reason);
    sink.close(reason);
  }

  /** Closes all connections and refuses new ones. */
  closeAll(reason: DropReason): void {
    this.#closed = true;
    for (const sink of this.#sinks) this.drop(sink, reason);
  }
}
