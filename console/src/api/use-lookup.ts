import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../state/messages.js';
import { type Instance, Problem, api, ok } from './client.js';

export type Lookup =
  | { readonly kind: 'idle' | 'looking' }
  | { readonly kind: 'found'; readonly instance: Instance }
  /** `invalid`: what was typed is no address. Otherwise nobody knows what runs there. */
  | { readonly kind: 'invalid' | 'unknown'; readonly message: string };

/** While somebody types. The server takes few look-ups a minute. */
const QUIET_MS = 500;
const MAX_KEPT = 50;
/** A host with a dot or a port, a handle or a web address; before that, there is nothing to ask for. */
const COMPLETE = /^(?:https?:\/\/)?\S*[\w-](?:\.[a-z][\w-]+|:\d{2,5}|\blocalhost)(?:[/?#]\S*)?$/i;

const kept = new Map<string, Instance>();

/** What the typed instance is, once the typing pauses. */
export function useLookup(typed: string, ask: (typed: string) => Promise<Lookup> = lookUp): Lookup {
  const text = typed.trim();
  const [last, setLast] = useState<{ readonly text: string; readonly lookup: Lookup }>({
    text: '',
    lookup: { kind: 'idle' },
  });
  useEffect(() => {
    if (!COMPLETE.test(text)) return;
    let isCurrent = true;
    const find = async (): Promise<void> => {
      const lookup = await ask(text);
      if (isCurrent) setLast({ text, lookup });
    };
    const timer = setTimeout(() => void find(), kept.has(text) ? 0 : QUIET_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text]);
  if (last.text === text) return last.lookup;
  return { kind: COMPLETE.test(text) ? 'looking' : 'idle' };
}

const asUser = (instance: string): Promise<Instance> =>
  ok(api.POST('/v1/instances/lookup', { body: { instance } }));

/** @param ask the API, where nobody is signed in. */
export async function lookUp(typed: string, ask = asUser): Promise<Lookup> {
  const text = typed.trim();
  const known = kept.get(text);
  if (known !== undefined) return { kind: 'found', instance: known };
  try {
    const instance = await ask(text);
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(text, instance);
    return { kind: 'found', instance };
  } catch (error) {
    const fault = error instanceof Problem ? error.of('instance') : undefined;
    return fault === undefined
      ? { kind: 'unknown', message: messageOf(error) }
      : { kind: 'invalid', message: fault };
  }
}
