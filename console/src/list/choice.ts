import type { Platform } from '../api/client.js';
import { STATUS_LABELS, TYPE_LABELS, hostOf, softwareName, toneOf } from '../ui/labels.js';

type Order = (a: Platform, b: Platform) => number;

/** What is shown of the list. Empty texts stand for everything, and for the default first. */
export interface Choice {
  readonly q: string;
  readonly status: string;
  readonly software: string;
  readonly sort: string;
}

/** In the address: `attention`, `disabled`, or a status. */
const GROUPS: Readonly<Record<string, { readonly label: string; readonly has: (one: Platform) => boolean }>> =
  {
    attention: { label: 'Needs attention', has: needsAttention },
    disabled: { label: 'Disabled', has: ({ isActive }) => !isActive },
  };

const TONES = ['bad', 'waiting', 'neutral', 'good'];
const names = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
const byName: Order = (a, b) => names.compare(a.name, b.name);

/** Those without a time come last. */
const byTime =
  (timeOf: (platform: Platform) => string | null, direction: 1 | -1): Order =>
  (a, b) => {
    const [first, second] = [timeOf(a), timeOf(b)];
    if (first === null || second === null) return Number(first === null) - Number(second === null);
    return direction * (Date.parse(first) - Date.parse(second));
  };

const ORDERS: Readonly<Record<string, { readonly label: string; readonly order: Order }>> = {
  name: { label: 'Name', order: byName },
  trouble: {
    label: 'Trouble first',
    order: (a, b) => TONES.indexOf(toneOf(a.status)) - TONES.indexOf(toneOf(b.status)),
  },
  checked: { label: 'Last checked', order: byTime(({ lastCheckedAt }) => lastCheckedAt, -1) },
  used: { label: 'Last used', order: byTime(({ lastUsed }) => lastUsed, -1) },
  expires: { label: 'Token expires', order: byTime(({ tokenExpiresAt }) => tokenExpiresAt, 1) },
};

export const SORTS: Readonly<Record<string, string>> = {
  '': 'Default first',
  ...Object.fromEntries(Object.entries(ORDERS).map(([sort, { label }]) => [sort, label])),
};

export function choiceOf(query: string): Choice {
  const params = new URLSearchParams(query);
  const [q, status, software, sort] = ['q', 'status', 'software', 'sort'].map(
    (name) => params.get(name) ?? '',
  );
  return { q: q ?? '', status: status ?? '', software: software ?? '', sort: sort ?? '' };
}

/** The list comes with the default first, then by name. */
export function chosen(
  list: readonly Platform[],
  { q, status, software, sort }: Choice,
): readonly Platform[] {
  const words = plain(q)
    .split(/\s+/u)
    .filter((word) => word !== '');
  const found = list.filter(
    (one) =>
      (status === '' || (GROUPS[status]?.has(one) ?? one.status === status)) &&
      (software === '' || softwareName(one) === software) &&
      words.every((word) => textOf(one).includes(word)),
  );
  const order = ORDERS[sort]?.order;
  return order === undefined ? found : found.toSorted((a, b) => order(a, b) || byName(a, b));
}

/** What can be chosen from, with how many there are of each; what is chosen stays in it. */
export function statusOptions(list: readonly Platform[], chosenStatus: string): Record<string, string> {
  const groups = Object.entries(GROUPS).map(
    ([group, { label, has }]) => [group, label, list.filter(has).length] as const,
  );
  const single = Object.entries(STATUS_LABELS).map(
    ([status, label]) => [status, label, list.filter((one) => one.status === status).length] as const,
  );
  const shown = [...groups, ...single].filter(([status, , count]) => count > 0 || status === chosenStatus);
  return {
    '': 'Any status',
    ...Object.fromEntries(shown.map(([status, label, count]) => [status, `${label} (${count})`])),
  };
}

export function softwareOptions(list: readonly Platform[], chosenSoftware: string): Record<string, string> {
  const counts = new Map<string, number>(chosenSoftware === '' ? [] : [[chosenSoftware, 0]]);
  for (const one of list) counts.set(softwareName(one), (counts.get(softwareName(one)) ?? 0) + 1);
  const shown = [...counts].toSorted(([a], [b]) => names.compare(a, b));
  return {
    '': 'Any software',
    ...Object.fromEntries(shown.map(([name, count]) => [name, `${name} (${count})`])),
  };
}

function needsAttention({ isActive, status }: Platform): boolean {
  return isActive && status !== 'connected' && status !== 'unchecked';
}

function textOf(platform: Platform): string {
  const { name, username, instanceUrl, platformType, status, labels, externalId } = platform;
  const tags = Object.entries(labels).map(([key, value]) => `${key}: ${value}`);
  const handle = `@${username ?? ''}@${hostOf(instanceUrl)}`;
  return plain(
    [
      ...[name, handle, softwareName(platform), TYPE_LABELS[platformType], STATUS_LABELS[status]],
      ...[...tags, externalId ?? ''],
    ].join(' '),
  );
}

/** Without accents and case, so that "cafe" finds "Café". */
function plain(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}
