import { Problem, toProblem } from './problem.js';
import type { components } from './schema.js';
import { type Send, jittered, pause } from './send.js';
import { EventStreamParser, type ServerSentEvent } from './server-sent-events.js';

/** A change of one of the user's connections, whoever made it. */
export interface PlatformEvent {
  readonly eventId: number;
  readonly type:
    | 'platform.created'
    | 'platform.updated'
    | 'platform.deleted'
    | 'platform.default_changed'
    | 'platform.status_changed';
  readonly platformId: number;
  /** RFC 3339, UTC. */
  readonly at: string;
  /** The connection as it is now; missing if it was deleted. */
  readonly platform?: components['schemas']['PlatformDto'];
}

/**
 * `ready`: everything missed has been sent; a list that is loaded now misses nothing. `position`: nothing happened up to this
 * number. `reset`: what was missed is more than a day old, so load the list again. `interrupted`: the connection is
 * lost, and another attempt follows.
 */
export type EventMessage =
  | { readonly type: 'platform'; readonly lastEventId: number; readonly event: PlatformEvent }
  | { readonly type: 'ready' | 'position' | 'reset'; readonly lastEventId: number }
  | { readonly type: 'interrupted'; readonly lastEventId: number | undefined; readonly cause: unknown };

export interface EventOptions {
  /** Where to go on: `lastEventId` of the last message of an earlier stream. */
  readonly lastEventId?: number | undefined;
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined;
}

const BACK_OFF_MS = { first: 1000, most: 30_000 };
/** The server sends a heartbeat every 20 s; this tolerates one lost beat. */
const SILENCE_MS = 50_000;

/**
 * The user's changes, in order, each once. After an interruption it goes on where it was.
 *
 * @throws {Problem} if another attempt would end the same: signed out, forbidden, or no such route.
 */
export async function* events(
  url: string,
  send: Send,
  { lastEventId, signal = new AbortController().signal }: EventOptions,
): AsyncGenerator<EventMessage> {
  let position = lastEventId;
  let retryMs = BACK_OFF_MS.first;
  let failures = 0;
  while (!signal.aborted) {
    let cause: unknown = null;
    const parser = new EventStreamParser(position === undefined ? '' : String(position));
    try {
      for await (const sent of open(url, send, parser, signal)) {
        const message = toMessage(sent, position);
        if (message === null) continue;
        position = message.lastEventId;
        if (message.type === 'ready') failures = 0;
        yield message;
      }
    } catch (error) {
      if (error instanceof Problem && error.status < 500 && error.status !== 429) throw error;
      cause = error;
    }
    if (signal.aborted) return;
    yield { type: 'interrupted', lastEventId: position, cause };
    retryMs = parser.retryMs ?? retryMs;
    const askedMs = cause instanceof Problem ? (cause.retryAfterSeconds ?? 0) * 1000 : 0;
    await pause(Math.max(askedMs, jittered(Math.min(retryMs * 2 ** failures, BACK_OFF_MS.most))), signal);
    failures += 1;
  }
}

async function* open(
  url: string,
  send: Send,
  parser: EventStreamParser,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const silence = new AbortController();
  const cut = (): void => silence.abort();
  let timer = setTimeout(cut, SILENCE_MS);
  try {
    const headers = new Headers({ Accept: 'text/event-stream' });
    if (parser.lastEventId !== '') headers.set('Last-Event-ID', parser.lastEventId);
    const either = AbortSignal.any([signal, silence.signal]);
    const response = await send(new Request(url, { headers, signal: either }));
    if (!response.ok) throw toProblem(response, await response.json().catch(() => null));
    const reader = response.body?.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const chunk = await reader?.read();
      if (chunk === undefined || chunk.done) return;
      clearTimeout(timer);
      timer = setTimeout(cut, SILENCE_MS);
      yield* parser.push(decoder.decode(chunk.value as Uint8Array, { stream: true }));
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** Null for an event that arrived twice, and for what only servers of a later version send. */
function toMessage({ type, data, lastEventId }: ServerSentEvent, position: number | undefined) {
  const fields = JSON.parse(data) as object;
  // Each event carries its own number; the other messages may rely on the stream's.
  const isNumbered = type === 'platform' || lastEventId === '';
  return messageOf(type, isNumbered ? fields : { lastEventId: Number(lastEventId), ...fields }, position);
}

/** @param data what came with the event: a PlatformEvent, or a position. Both transports send the same. */
export function messageOf(
  type: string,
  data: { readonly lastEventId?: number },
  position: number | undefined,
): EventMessage | null {
  switch (type) {
    case 'platform': {
      const event = data as PlatformEvent;
      if (position !== undefined && event.eventId <= position) return null;
      return { type, lastEventId: event.eventId, event };
    }
    case 'ready':
    case 'position':
    case 'reset':
      return { type, lastEventId: data.lastEventId ?? position ?? 0 };
    default:
      return null;
  }
}
