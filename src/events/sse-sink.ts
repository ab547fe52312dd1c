import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import type { DropReason } from '../outbox/event-meter.js';
import { type EventSink, drainedOrClosed } from './event-sink.js';
import type { PlatformEvent } from './platform-event.js';

/** Bytes waiting in the buffer before the client counts as congested. */
const MAX_WAITING_BYTES = 32 * 1024;
/** Time for a client to receive the rest before its connection is cut. */
const GRACE_MS = 1000;
/** How long a client waits before it reconnects; random, so that clients do not all reconnect at once. */
const RETRY_MS = { min: 1000, spread: 4000 };

/** A stream of server-sent events (HTML Living Standard, 9.2). */
export class SseSink implements EventSink {
  readonly transport = 'sse';
  readonly stream = new PassThrough({ highWaterMark: MAX_WAITING_BYTES });

  constructor(private readonly response: ServerResponse) {
    const retryMs = RETRY_MS.min + Math.floor(Math.random() * RETRY_MS.spread);
    this.#write(`retry: ${retryMs}\n\n`);
  }

  get congested(): boolean {
    return this.stream.writableNeedDrain && !this.stream.destroyed;
  }

  drained(): Promise<void> {
    return drainedOrClosed(this.stream);
  }

  event(event: PlatformEvent): void {
    this.#message('platform', event.eventId, event);
  }

  ready(lastEventId: number): void {
    this.#message('ready', lastEventId, { lastEventId });
  }

  reset(lastEventId: number): void {
    this.#message('reset', lastEventId, { lastEventId });
  }

  /** Without data the client dispatches no event, but it stores the id. This also serves as the heartbeat. */
  position(lastEventId: number): void {
    this.#write(`id: ${lastEventId}\n\n`);
  }

  close(reason: DropReason): void {
    if (!this.congested) this.#write(`event: closing\ndata: ${JSON.stringify({ code: reason })}\n\n`);
    this.stream.end();
    const cut = setTimeout(() => this.response.destroy(), GRACE_MS).unref();
    this.response.once('close', () => clearTimeout(cut));
  }

  #message(name: string, eventId: number, data: unknown): void {
    this.#write(`id: ${eventId}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #write(text: string): void {
    if (!this.stream.writableEnded && !this.stream.destroyed) this.stream.write(text);
  }
}
