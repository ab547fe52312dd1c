import { signal } from '@preact/signals';
import { BASE } from '../api/base.js';
import { api, ok } from '../api/client.js';
import { messageOf, say, warn } from './messages.js';
import { reload } from './platforms.js';

const CHANNEL = 'platform-manager:connect';
/** The other tab answers at once, before it asks the API. A busy or hidden tab takes longer. */
const ANSWER_MS = 3000;

/** Null if the account is connected; otherwise why not. */
type Failure = string | null;

type Message =
  | { readonly kind: 'returned'; readonly tab: string; readonly attempt: string }
  | { readonly kind: 'taken'; readonly attempt: string }
  | { readonly kind: 'finished'; readonly attempt: string; readonly failure: Failure };

/** Names this tab. Not randomUUID(), which browsers offer over https only. */
const tab = crypto.getRandomValues(new Uint32Array(4)).join('-');

/** An attempt that this tab finishes as soon as its user has logged in here. */
export const pendingAttempt = signal<string | null>(null);

/** Where the instance's tab ends. It names this tab, whose user alone can finish the attempt. */
export function returnAddress(): string {
  return new URL(`${BASE}/console/?tab=${tab}`, location.href).href;
}

/** Finishes an attempt as the signed-in user, and tells them. */
export async function finish(attempt: string): Promise<Failure> {
  try {
    await ok(api.POST('/v1/connect/finish', { body: { attempt } }));
    say('The account is connected.');
    void reload();
    return null;
  } catch (error) {
    const failure = messageOf(error);
    warn(`The account was not connected. ${failure}`);
    return failure;
  }
}

/** Finishes the attempts that this tab began and that come back in other tabs. An attempt alone is of no use to anybody. */
export function finishReturned(): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind !== 'returned' || data.tab !== tab) return;
    const { attempt } = data;
    channel.postMessage({ kind: 'taken', attempt } satisfies Message);
    void finish(attempt).then((failure) =>
      // Not through `channel`, which is closed if the user has logged out since.
      post({ kind: 'finished', attempt, failure }),
    );
  };
  return () => channel.close();
}

/**
 * Has the tab that began the attempt finish it.
 *
 * @param onAlone called if that tab does not answer, because it was closed or its user has logged out.
 */
export function handOver(
  returned: { readonly tab: string; readonly attempt: string },
  onFinished: (failure: Failure) => void,
  onAlone: () => void,
): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  const timer = setTimeout(onAlone, ANSWER_MS);
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.attempt !== returned.attempt) return;
    if (data.kind === 'taken') clearTimeout(timer);
    if (data.kind === 'finished') onFinished(data.failure);
  };
  channel.postMessage({ kind: 'returned', ...returned } satisfies Message);
  return () => {
    clearTimeout(timer);
    channel.close();
  };
}

function post(message: Message): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(message);
  channel.close();
}
