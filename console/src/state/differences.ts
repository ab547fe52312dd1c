import type { Platform } from '../api/client.js';
import { STATUS_LABELS } from '../ui/labels.js';

const MAX_MESSAGES = 3;

/** Messages for the user about changes made elsewhere. */
export function differences(before: readonly Platform[], after: readonly Platform[]): string[] {
  const previous = new Map(before.map((platform) => [platform.id, platform]));
  const remaining = new Set(after.map(({ id }) => id));
  const changes = [
    ...before.filter(({ id }) => !remaining.has(id)).map(({ name }) => `“${name}” was deleted elsewhere.`),
    ...after.flatMap((platform) => changeOf(previous.get(platform.id), platform)),
  ];
  return changes.length <= MAX_MESSAGES ? changes : [`${changes.length} changes were made elsewhere.`];
}

function changeOf(before: Platform | undefined, after: Platform): string[] {
  const { name } = after;
  if (before === undefined) return [`“${name}” was added elsewhere.`];
  if (before.version === after.version) return [];
  if (before.status !== after.status) return [`“${name}” is now: ${STATUS_LABELS[after.status]}.`];
  if (!before.isDefault && after.isDefault) return [`“${name}” was made the default elsewhere.`];
  // The message for the new default already covers this.
  if (before.isDefault && !after.isDefault && after.isActive) return [];
  return [`“${name}” was changed elsewhere.`];
}
