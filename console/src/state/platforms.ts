import { signal } from '@preact/signals';
import { type Platform, api, ok } from '../api/client.js';
import { user } from '../api/session.js';
import { differences } from './differences.js';
import { messageOf, say } from './messages.js';

/** All connections of whoever is logged in, the default first; null until they are known. */
export const platforms = signal<readonly Platform[] | null>(null);
/** Why they could not be loaded the last time. */
export const loadError = signal<string | null>(null);

const RETRY_MS = 5000;

let retry: ReturnType<typeof setTimeout> | undefined;
let writing = 0;
let loading = false;
let wanted = false;
/** Moves with each write: a list that was asked for before it may be older than what is shown. */
let generation = 0;
/** The next list shows what was done here; that is not news. */
let own = true;

/** Loads them; who asks during a load or a write gets the next one. */
export async function reload(): Promise<void> {
  if (user.value === null) return;
  if (loading || writing > 0) {
    wanted = true;
    return;
  }
  loading = true;
  clearTimeout(retry);
  const begun = generation;
  try {
    const list = await ok(api.GET('/v1/platforms', { params: { query: { includeInactive: true } } }));
    if (begun === generation) accept(list);
    else wanted = true;
  } catch (error) {
    if (begun === generation) loadError.value = messageOf(error);
    // What made this load necessary will not be told again.
    retry = setTimeout(() => void reload(), RETRY_MS);
  } finally {
    loading = false;
  }
  await reloadIfWanted();
}

/** Does something that changes them, and then shows what has become of it. */
export async function write<T>(task: () => Promise<T>): Promise<T> {
  writing += 1;
  generation += 1;
  try {
    return await task();
  } finally {
    writing -= 1;
    own = true;
    wanted = true;
    await reloadIfWanted();
  }
}

/** For the next one who logs in. */
export function forget(): void {
  generation += 1;
  own = true;
  platforms.value = null;
  loadError.value = null;
}

async function reloadIfWanted(): Promise<void> {
  if (!wanted || loading || writing > 0) return;
  wanted = false;
  await reload();
}

function accept(list: readonly Platform[]): void {
  const news = own || platforms.value === null ? [] : differences(platforms.value, list);
  own = false;
  platforms.value = list;
  loadError.value = null;
  for (const text of news) say(text);
}
