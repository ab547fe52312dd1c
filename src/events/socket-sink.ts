import type { DefaultEventsMap, Socket } from 'socket.io';
import type { DropReason } from '../outbox/event-meter.js';
import { type EventSink, drainedOrClosed } from './event-sink.js';
import type { PlatformEvent } from './platform-event.js';

/** Packets waiting in the write buffer; about 1 kB each. */
const MAX_WAITING_PACKETS = 16;

/** Events that the server sends. */
export interface ServerEvents {
  platform: (event: PlatformEvent) => void;
  ready: (at: { lastEventId: number }) => void;
  reset: (at: { lastEventId: number }) => void;
  position: (at: { lastEventId: number }) => void;
  closing: (why: { code: DropReason }) => void;
}

/** Events that the server receives. Their arguments are untrusted. */
export interface ClientEvents {
  authenticate: (message: unknown, acknowledge: unknown) => void;
}

export class SocketSink implements EventSink {
  readonly transport = 'socketio';
  #position = -1;

  constructor(private readonly socket: Socket<ClientEvents, ServerEvents, DefaultEventsMap, unknown>) {}

  get congested(): boolean {
    return this.socket.connected && this.waiting >= MAX_WAITING_PACKETS;
  }

  drained(): Promise<void> {
    return drainedOrClosed(this.socket.conn);
  }

  event(event: PlatformEvent): void {
    this.#position = event.eventId;
    this.socket.emit('platform', event);
  }

  ready(lastEventId: number): void {
    this.#position = lastEventId;
    this.socket.emit('ready', { lastEventId });
  }

  reset(lastEventId: number): void {
    this.#position = lastEventId;
    this.socket.emit('reset', { lastEventId });
  }

  position(lastEventId: number): void {
    if (lastEventId <= this.#position) return;
    this.#position = lastEventId;
    this.socket.emit('position', { lastEventId });
  }

  close(reason: DropReason): void {
    if (!this.socket.connected) return;
    if (!this.congested) this.socket.emit('closing', { code: reason });
    // A client reconnects by itself, with the same token, when it loses the connection, but not after `disconnect`.
    if (reason === 'unauthenticated') this.socket.disconnect(true);
    // For a slow client, discard the write buffer; otherwise close() would wait until it is sent.
    else this.socket.conn.close(reason === 'slow');
  }

  private get waiting(): number {
    return (this.socket.conn as unknown as { writeBuffer: readonly unknown[] }).writeBuffer.length;
  }
}
