import type { Platform } from '../api/client.js';
import { STATUS_LABELS, toneOf } from '../ui/labels.js';

const MAX_MESSAGES = 3;

export interface Change {
  readonly text: string;
  readonly isBad: boolean;
}

/** Messages for the user about changes made elsewhere. */
export function differences(before: readonly Platform[], after: readonly Platform[]): Change[] {
  const previous = new Map(before.map((platform) => [platform.id, platform]));
  const remaining = new Set(after.map(({ id }) => id));
  const changes = [
    ...before
      .filter(({ id }) => !remaining.has(id))
      .map(({ name }) => calm(`“${name}” was deleted elsewhere.`)),
    ...after.flatMap((platform) => changeOf(previous.get(platform.id), platform)),
  ];
  return changes.length <= MAX_MESSAGES ? changes : [calm(`${changes.length} changes were made elsewhere.`)];
}

function changeOf(before: Platform | undefined, after: Platform): Change[] {
  const { name } = after;
  if (before === undefined) return [calm(`“${name}” was added elsewhere.`)];
  if (before.version === after.version) return [];
  if (before.status !== after.status)
    return [
      { text: `“${name}” is now: ${STATUS_LABELS[after.status]}.`, isBad: toneOf(after.status) === 'bad' },
    ];
  if (!before.isDefault && after.isDefault) return [calm(`“${name}” was made the default elsewhere.`)];
  // The message for the new default already covers this.
  if (before.isDefault && !after.isDefault && after.isActive) return [];
  return [calm(`“${name}” was changed elsewhere.`)];
}

function calm(text: string): Change {
  return { text, isBad: false };
}
