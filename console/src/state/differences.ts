import type { Platform } from '../api/client.js';
import { STATUS_LABELS } from '../ui/labels.js';

const MAX_NEWS = 3;

/** What somebody else has changed, for people. */
export function differences(before: readonly Platform[], after: readonly Platform[]): string[] {
  const known = new Map(before.map((platform) => [platform.id, platform]));
  const left = new Set(after.map(({ id }) => id));
  const news = [
    ...before.filter(({ id }) => !left.has(id)).map(({ name }) => `“${name}” was deleted elsewhere.`),
    ...after.flatMap((platform) => changeOf(known.get(platform.id), platform)),
  ];
  return news.length <= MAX_NEWS ? news : [`${news.length} changes were made elsewhere.`];
}

function changeOf(before: Platform | undefined, after: Platform): string[] {
  const { name } = after;
  if (before === undefined) return [`“${name}” was added elsewhere.`];
  if (before.version === after.version) return [];
  if (before.status !== after.status) return [`“${name}” is now: ${STATUS_LABELS[after.status]}.`];
  if (!before.isDefault && after.isDefault) return [`“${name}” is the default now; changed elsewhere.`];
  // Somewhere else is then the new one, which is told.
  if (before.isDefault && !after.isDefault && after.isActive) return [];
  return [`“${name}” was changed elsewhere.`];
}
