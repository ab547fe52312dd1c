import { Injectable } from '@nestjs/common';
import type { EventType } from './published-events.js';

export const EVENT_TRANSPORTS = ['socketio', 'sse'] as const;
export type EventTransport = (typeof EVENT_TRANSPORTS)[number];

/** Why we closed a connection. `slow`: the client did not read fast enough. `unauthenticated`: its token expired or was revoked. */
export type DropReason = 'slow' | 'unauthenticated' | 'too_many' | 'shutdown' | 'error';

/** Here and not in events/, which no other folder may import. */
interface EventListener {
  sent(type: EventType): void;
  replayed(): void;
  dropped(reason: DropReason): void;
}

/** Where the events feature reports what it sends, and metrics listen. */
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
