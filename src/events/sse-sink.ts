import type { ServerResponse } from 'node:http';
import type { DropReason } from '../outbox/event-meter.js';
import { type EventSink, drainedOrClosed } from './event-sink.js';
import type { PlatformEvent } from './platform-event.js';

/** Time for a client to receive the rest before its connection is cut. */
const GRACE_MS = 1000;
/** How long a client waits before it reconnects; random, so that clients do not all reconnect at once. */
const RETRY_MS = { min: 1000, spread: 4000 };

/** Each event is encoded once for all clients of this process. */
const encoded = new WeakMap<PlatformEvent, Buffer>();

/** A stream of server-sent events (HTML Living Standard, 9.2). */
export class SseSink implements EventSink {
  readonly transport = 'sse';

  /** @param response whose headers are written. */
  constructor(private readonly response: ServerResponse) {
    const retryMs = RETRY_MS.min + Math.floor(Math.random() * RETRY_MS.spread);
    this.#write(`retry: ${retryMs}\n\n`);
  }

  get congested(): boolean {
    return this.response.writableNeedDrain;
  }

  drained(): Promise<void> {
    return drainedOrClosed(this.response);
  }

  event(event: PlatformEvent): void {
    let message = encoded.get(event);
    if (message === undefined) {
      message = Buffer.from(messageOf('platform', event.eventId, event));
      encoded.set(event, message);
    }
    this.#write(message);
  }

  ready(lastEventId: number): void {
    this.#write(messageOf('ready', lastEventId, { lastEventId }));
  }

  reset(lastEventId: number): void {
    this.#write(messageOf('reset', lastEventId, { lastEventId }));
  }

  /** Without data the client dispatches no event, but it stores the id. This also serves as the heartbeat. */
  position(lastEventId: number): void {
    this.#write(`id: ${lastEventId}\n\n`);
  }

  close(reason: DropReason): void {
    if (!this.congested) this.#write(`event: closing\ndata: ${JSON.stringify({ code: reason })}\n\n`);
    this.response.end();
    const cut = setTimeout(() => this.response.destroy(), GRACE_MS).unref();
    this.response.once('close', () => clearTimeout(cut));
  }

  #write(message: string | Buffer): void {
    if (!this.response.writableEnded && !this.response.destroyed) this.response.write(message);
  }
}

function messageOf(name: string, eventId: number, data: unknown): string {
  return `id: ${eventId}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
