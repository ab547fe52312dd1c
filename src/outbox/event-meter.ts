import { Injectable } from '@nestjs/common';
import type { EventType } from './published-events.js';

export const EVENT_TRANSPORTS = ['socketio', 'sse'] as const;
export type EventTransport = (typeof EVENT_TRANSPORTS)[number];

/** Why we ended a connection: `slow` did not take what was sent, `unauthenticated` had a token that ended. */
export type DropReason = 'slow' | 'unauthenticated' | 'too_many' | 'shutdown' | 'error';

/** Here and not with the events, which nobody imports. */
interface EventListener {
  sent(type: EventType): void;
  replayed(): void;
  dropped(reason: DropReason): void;
}

/** What becomes of published events. Whoever tells users says it here, whoever measures hears it. */
@Injectable()
export class EventMeter {
  readonly clients: Record<EventTransport, number> = { socketio: 0, sse: 0 };
  #listener: EventListener | null = null;

  listen(listener: EventListener): void {
    this.#listener = listener;
  }

  sent(type: EventType): void {
    this.#listener?.sent(type);
  }

  replayed(): void {
    this.#listener?.replayed();
  }

  dropped(reason: DropReason): void {
    this.#listener?.dropped(reason);
  }
}
