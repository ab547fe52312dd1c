import { signal } from '@preact/signals';
import { BASE } from '../api/base.js';
import { poll } from '../api/poll.js';
import { EventStreamParser, type ServerSentEvent } from '../api/server-sent-events.js';
import { sendAuthorized } from '../api/session.js';

/** `polling`: this server does not offer events. */
export type Liveness = 'connecting' | 'live' | 'polling';

const POLL_MS = 15_000;
const BACK_OFF_MS = { first: 1000, most: 30_000 };
/** The server sends a heartbeat every 20 s; this tolerates one lost beat. */
const SILENCE_MS = 50_000;
/** Includes `ready`: every later change is sent as an event, so a list loaded then misses nothing. */
const RELOAD_EVENTS = ['platform', 'reset', 'ready'];

export const liveness = signal<Liveness>('connecting');

/**
 * Calls `changed` whenever data may have changed: at each event, each time the stream reconnects, and regularly while
 * there is no stream. A hidden page closes its stream, because HTTP/1.1 browsers allow six connections per host for all
 * tabs together, and resumes from the last event when it is shown again. Returns a function that stops it.
 */
export function follow(changed: () => void): () => void {
  const stop = new AbortController();
  liveness.value = 'connecting';
  const fallback = poll(
    async () => {
      if (liveness.value !== 'live') changed();
    },
    () => POLL_MS,
  );
  stop.signal.addEventListener('abort', fallback.stop);
  void run(changed, stop.signal);
  return () => stop.abort();
}

async function run(changed: () => void, stopped: AbortSignal): Promise<void> {
  let lastEventId = '';
  let failures = 0;
  while (!stopped.aborted) {
    await shown(stopped);
    if (stopped.aborted) return;
    const parser = new EventStreamParser(lastEventId);
    try {
      for await (const { type } of openStream(parser, stopped)) {
        if (type === 'ready') {
          failures = 0;
          liveness.value = 'live';
        }
        if (RELOAD_EVENTS.includes(type)) changed();
      }
    } catch (error) {
      if (error instanceof NoEvents) {
        liveness.value = 'polling';
        return;
      }
      // Reconnect after any other error. The banner tells the user what is wrong with the server.
    }
    lastEventId = parser.lastEventId;
    if (stopped.aborted) return;
    liveness.value = 'connecting';
    if (document.hidden) {
      failures = 0;
      continue;
    }
    const delayMs = Math.min((parser.retryMs ?? BACK_OFF_MS.first) * 2 ** failures, BACK_OFF_MS.most);
    failures += 1;
    await pause(delayMs * (0.5 + Math.random() / 2), stopped);
  }
}

class NoEvents extends Error {}

async function* openStream(parser: EventStreamParser, stopped: AbortSignal): AsyncGenerator<ServerSentEvent> {
  const silence = new AbortController();
  const cut = (): void => silence.abort();
  const cutIfHidden = (): void => {
    if (document.hidden) cut();
  };
  window.addEventListener('offline', cut);
  document.addEventListener('visibilitychange', cutIfHidden);
  let timer = setTimeout(cut, SILENCE_MS);
  try {
    const headers = { Accept: 'text/event-stream', ...resumption(parser.lastEventId) };
    const signal = AbortSignal.any([stopped, silence.signal]);
    const response = await sendAuthorized(
      new Request(`${BASE}/v1/events`, { headers, signal, cache: 'no-store' }),
      0,
    );
    if (response.status === 404) throw new NoEvents();
    if (!response.ok || response.body === null) return;
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      clearTimeout(timer);
      timer = setTimeout(cut, SILENCE_MS);
      yield* parser.push(text);
    }
  } finally {
    clearTimeout(timer);
    window.removeEventListener('offline', cut);
    document.removeEventListener('visibilitychange', cutIfHidden);
    silence.abort();
  }
}

function resumption(lastEventId: string): Record<string, string> {
  return lastEventId === '' ? {} : { 'Last-Event-ID': lastEventId };
}

function shown(stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      if (document.hidden && !stopped.aborted) return;
      document.removeEventListener('visibilitychange', settle);
      stopped.removeEventListener('abort', settle);
      resolve();
    };
    document.addEventListener('visibilitychange', settle);
    stopped.addEventListener('abort', settle);
    settle();
  });
}

/** Resolves early when the network is back. */
function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      window.removeEventListener('online', settle);
      resolve();
    };
    const timer = setTimeout(settle, ms);
    window.addEventListener('online', settle);
    stopped.addEventListener('abort', settle, { once: true });
  });
}
