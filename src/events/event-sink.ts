import type { DropReason, EventTransport } from '../outbox/event-meter.js';
import type { PlatformEvent } from './platform-event.js';

/** The way to one client. Nothing it is given may throw because the client has gone. */
export interface EventSink {
  readonly transport: EventTransport;
  /** More than a little of what was sent has not left yet. */
  readonly congested: boolean;
  /** Resolves when it is worth looking at `congested` again, or the client has gone. */
  drained(): Promise<void>;
  event(event: PlatformEvent): void;
  /** Everything missed was sent; from here on it is live. */
  ready(lastEventId: number): void;
  /** What was missed is not known any more: the client has to load its connections anew. */
  reset(lastEventId: number): void;
  /** There was nothing for this client up to here. */
  position(lastEventId: number): void;
  /** Ends the connection from here. */
  close(reason: DropReason): void;
}
