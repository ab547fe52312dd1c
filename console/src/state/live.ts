import { signal } from '@preact/signals';
import { Problem, client } from '../api/client.js';
import { poll } from '../api/poll.js';

/** `polling`: this server does not offer events. */
export type Liveness = 'connecting' | 'live' | 'polling';

const POLL_MS = 15_000;
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
  let lastEventId: number | undefined;
  while (!stopped.aborted) {
    await shown(stopped);
    const cut = new AbortController();
    const signal = AbortSignal.any([stopped, cut.signal]);
    const stopWatching = onEach(['visibilitychange', 'offline', 'online'], () => cut.abort());
    try {
      for await (const message of client.events({ lastEventId, signal })) {
        ({ lastEventId } = message);
        if (message.type === 'ready') liveness.value = 'live';
        if (message.type === 'interrupted') liveness.value = 'connecting';
        if (RELOAD_EVENTS.includes(message.type)) changed();
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // A session that has ended stops this function.
      if (!stopped.aborted) liveness.value = 'polling';
      return;
    } finally {
      stopWatching();
    }
    if (!stopped.aborted) liveness.value = 'connecting';
  }
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

/** Returns a function that ends it. Captures, because events of the document need not bubble to the window. */
function onEach(types: readonly string[], listener: () => void): () => void {
  for (const type of types) window.addEventListener(type, listener, true);
  return () => types.forEach((type) => window.removeEventListener(type, listener, true));
}
