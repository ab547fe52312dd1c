import type { EventEmitter } from 'node:events';
import type { DropReason, EventTransport } from '../outbox/event-meter.js';
import type { PlatformEvent } from './platform-event.js';

/** The connection to one client. No method may throw because the client has disconnected. */
export interface EventSink {
  readonly transport: EventTransport;
  /** Whether too much sent data is still waiting in the buffer. */
  readonly congested: boolean;
  /** Resolves when `congested` may have changed or the client has disconnected. */
  drained(): Promise<void>;
  event(event: PlatformEvent): void;
  /** All missed events were sent; the next ones are live. */
  ready(lastEventId: number): void;
  /** Missed events are no longer stored: the client must reload its connections. */
  reset(lastEventId: number): void;
  /** There are no more events for this client up to this id. */
  position(lastEventId: number): void;
  /** Closes the connection from the server's side. */
  close(reason: DropReason): void;
}

/** For `drained()`. */
export function drainedOrClosed(connection: Pick<EventEmitter, 'on' | 'off'>): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      connection.off('drain', settle);
      connection.off('close', settle);
      resolve();
    };
    connection.on('drain', settle);
    connection.on('close', settle);
  });
}
