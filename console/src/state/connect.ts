import { signal } from '@preact/signals';
import { BASE } from '../api/base.js';
import { api, ok, staysSignedIn } from '../api/client.js';
import { messageOf, say, warn } from './messages.js';
import { write } from './platforms.js';

const CHANNEL = 'platform-manager:connect';
/** The other tab answers at once, before it asks the API. A busy or hidden tab takes longer. */
const ANSWER_MS = 3000;

/** Null if the account is connected; otherwise why not. */
type Failure = string | null;

type Message =
  | { readonly kind: 'returned'; readonly tab: string; readonly attempt: string }
  | { readonly kind: 'taken'; readonly attempt: string }
  | { readonly kind: 'asking'; readonly attempt: string }
  | { readonly kind: 'finished'; readonly attempt: string; readonly failure: Failure };

/** Names this tab. Not randomUUID(), which browsers offer over https only. */
const tab = crypto.getRandomValues(new Uint32Array(4)).join('-');

const REASONS: Readonly<Record<string, string>> = {
  access_denied: 'Access was not granted at the instance.',
};

/** An attempt that this tab finishes as soon as its user is signed in here. */
export const pendingAttempt = signal<string | null>(null);
/** Why an attempt that came back to this tab has failed; its user learns it once they are signed in. */
export const pendingFailure = signal<string | null>(null);
/** How many attempts have been finished here. */
export const finished = signal(0);

/** An account that came back although it is connected already. Its user decides. */
export interface Replacement {
  readonly platformId: number;
  readonly username: string;
  readonly decide: (replace: boolean) => void;
}
export const replacement = signal<Replacement | null>(null);

/** Where the instance sends the browser. A new tab learns there which tab has its user, who alone can finish the attempt. */
export function returnAddress(): string {
  return new URL(`${BASE}/console/${staysSignedIn ? '' : `?tab=${tab}`}`, location.href).href;
}

export function reasonOf(code: string | null): string {
  return (
    REASONS[code ?? ''] ??
    `The instance or this server refused the connection (${code ?? 'no reason given'}).`
  );
}

/** Finishes an attempt as the signed-in user, and tells them. Asks before a connection gets another token. */
export async function finish(attempt: string, onAsking: () => void = () => undefined): Promise<Failure> {
  try {
    let answer = await write(() => send(attempt, false));
    const { account } = answer;
    if (answer.outcome === 'confirmation_required') {
      onAsking();
      if (!(await mayReplace(answer.platformId, account.username))) {
        const kept = 'Its connection keeps the token that it has.';
        say(`@${account.username} was connected already. ${kept}`);
        return kept;
      }
      answer = await write(() => send(attempt, true));
    }
    say(answer.renewed ? `@${account.username} has its new token.` : `@${account.username} was added.`);
    finished.value += 1;
    return null;
  } catch (error) {
    const failure = messageOf(error);
    warn(`The account was not connected. ${failure}`);
    return failure;
  }
}

function send(attempt: string, replace: boolean) {
  return ok(api.POST('/v1/connect/finish', { body: { attempt, replace } }));
}

async function mayReplace(platformId: number, username: string): Promise<boolean> {
  // Two attempts may come back at once. The one that is asked about is left as it is.
  replacement.value?.decide(false);
  try {
    return await new Promise<boolean>((decide) => {
      replacement.value = { platformId, username, decide };
    });
  } finally {
    replacement.value = null;
  }
}

/** Finishes the attempts that this tab began and that come back in other tabs. An attempt alone is of no use to anybody. */
export function finishReturned(): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind !== 'returned' || data.tab !== tab) return;
    const { attempt } = data;
    channel.postMessage({ kind: 'taken', attempt } satisfies Message);
    const onAsking = (): void => post({ kind: 'asking', attempt });
    void finish(attempt, onAsking).then((failure) =>
      // Not through `channel`, which is closed if the user has logged out since.
      post({ kind: 'finished', attempt, failure }),
    );
  };
  return () => channel.close();
}

/**
 * Has the tab that began the attempt finish it.
 *
 * @param onAsking called when that tab asks its user something.
 * @param onAlone called if that tab does not answer, because it was closed or its user has logged out.
 */
export function handOver(
  returned: { readonly tab: string; readonly attempt: string },
  onFinished: (failure: Failure) => void,
  onAsking: () => void,
  onAlone: () => void,
): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  const timer = setTimeout(onAlone, ANSWER_MS);
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.attempt !== returned.attempt) return;
    if (data.kind === 'taken') clearTimeout(timer);
    if (data.kind === 'asking') onAsking();
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
