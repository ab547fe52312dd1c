import type { DefaultEventsMap, Socket } from 'socket.io';
import type { DropReason } from '../outbox/event-meter.js';
import type { EventSink } from './event-sink.js';
import type { PlatformEvent } from './platform-event.js';

/** Packets that wait behind those that are on their way; some 1 kB each. */
const MAX_WAITING_PACKETS = 16;

/** What we send. */
export interface ServerEvents {
  platform: (event: PlatformEvent) => void;
  ready: (at: { lastEventId: number }) => void;
  reset: (at: { lastEventId: number }) => void;
  position: (at: { lastEventId: number }) => void;
  closing: (why: { code: DropReason }) => void;
}

/** What we hear. Nothing is known of the arguments. */
export interface ClientEvents {
  authenticate: (message: unknown, acknowledge: unknown) => void;
}

export class SocketSink implements EventSink {
  readonly transport = 'socketio';
  #said = -1;

  constructor(private readonly socket: Socket<ClientEvents, ServerEvents, DefaultEventsMap, unknown>) {}

  get congested(): boolean {
    return this.socket.connected && this.waiting >= MAX_WAITING_PACKETS;
  }

  drained(): Promise<void> {
    const { conn } = this.socket;
    return new Promise((resolve) => {
      const settle = (): void => {
        conn.off('drain', settle);
        conn.off('close', settle);
        resolve();
      };
      conn.on('drain', settle);
      conn.on('close', settle);
    });
  }

  event(event: PlatformEvent): void {
    this.#said = event.eventId;
    this.socket.emit('platform', event);
  }

  ready(lastEventId: number): void {
    this.#said = lastEventId;
    this.socket.emit('ready', { lastEventId });
  }

  reset(lastEventId: number): void {
    this.#said = lastEventId;
    this.socket.emit('reset', { lastEventId });
  }

  position(lastEventId: number): void {
    if (lastEventId <= this.#said) return;
    this.#said = lastEventId;
    this.socket.emit('position', { lastEventId });
  }

  close(reason: DropReason): void {
    if (!this.socket.connected) return;
    if (!this.congested) this.socket.emit('closing', { code: reason });
    // Who is sent away (disconnect) does not come back by itself, who loses the connection does: with the same token.
    if (reason === 'unauthenticated') this.socket.disconnect(true);
    // What still waits for a client that takes nothing is thrown away, or it would be waited for.
    else this.socket.conn.close(reason === 'slow');
  }

  private get waiting(): number {
    return (this.socket.conn as unknown as { writeBuffer: readonly unknown[] }).writeBuffer.length;
  }
}
