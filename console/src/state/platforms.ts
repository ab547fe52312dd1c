import { signal } from '@preact/signals';
import { type Platform, api, ok, user } from '../api/client.js';
import { differences } from './differences.js';
import { messageOf, say, warn } from './messages.js';

/** All connections of the signed-in user, the default first; null before the first load. */
export const platforms = signal<readonly Platform[] | null>(null);
/** Why the last load failed; null if it succeeded. */
export const loadError = signal<string | null>(null);

const RETRY_MS = 5000;

let retry: ReturnType<typeof setTimeout> | undefined;
let writing = 0;
let loading = false;
let wanted = false;
/** Increases with each write. A list requested before a write may be older than the one shown, so it is discarded. */
let generation = 0;
/** Whether the next list contains the user's own changes, which need no message. */
let own = true;

/** Loads the list. A call during a load or a write triggers another load afterwards. */
export async function reload(): Promise<void> {
  if (user.value === null) return;
  if (loading || writing > 0) {
    wanted = true;
    return;
  }
  loading = true;
  clearTimeout(retry);
  const startGeneration = generation;
  try {
    const list = await ok(api.GET('/v1/platforms', { params: { query: { includeInactive: true } } }));
    if (startGeneration === generation) accept(list);
    else wanted = true;
  } catch (error) {
    if (startGeneration === generation) loadError.value = messageOf(error);
    // The event that triggered this load will not be sent again.
    retry = setTimeout(() => void reload(), RETRY_MS);
  } finally {
    loading = false;
  }
  await reloadIfWanted();
}

/** Runs a task that changes connections, then reloads the list. */
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

/** Clears the list when the user logs out. */
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
  const changes = own || platforms.value === null ? [] : differences(platforms.value, list);
  own = false;
  platforms.value = list;
  loadError.value = null;
  for (const { text, isBad } of changes) (isBad ? warn : say)(text);
}
