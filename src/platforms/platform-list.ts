import { decodeCursor, encodeCursor, type Place } from '../http/page-cursor.js';
import { hasLabel } from './labels.js';
import { byName, type PlatformStatus, type PlatformType, type PlatformView } from './platform-view.js';

/** Connections on a page that begins behind a cursor. */
export const MAX_LIMIT = 200;

const FIELDS = ['name', 'createdAt', 'updatedAt'] as const;
export const PLATFORM_SORTS = [...FIELDS, ...FIELDS.map((field) => `-${field}` as const)] as const;
export type PlatformSort = (typeof PLATFORM_SORTS)[number];

export interface PlatformListQuery {
  readonly status?: PlatformStatus;
  readonly platformType?: PlatformType;
  /** Each `key=value` or `key`; all have to match. */
  readonly label?: readonly string[];
  readonly externalId?: string;
  /** Part of name, instance or username, in any case. */
  readonly q?: string;
  /** Without it: the default first, then by name. */
  readonly sort?: PlatformSort;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface PlatformsPart {
  readonly items: readonly PlatformView[];
  /** The cursor of the next page; null on the last one. */
  readonly next: string | null;
}

/** The keys that a cursor holds for each sort, the last one unique. An example tells their types. */
export function placeOf({ sort = '' }: Sorted, view: SortedFields = EXAMPLE): Place {
  const { id, name, isDefault } = view;
  switch (sort) {
    case 'name':
    case '-name':
      return { sort, keys: [name, id] };
    case 'createdAt':
    case '-createdAt':
      return { sort, keys: [view.createdAt.getTime(), id] };
    case 'updatedAt':
    case '-updatedAt':
      return { sort, keys: [view.updatedAt.getTime(), id] };
    // Also for a sort that is not valid: the cursor is looked at even then.
    default:
      return { sort, keys: [isDefault ? 0 : 1, name, id] };
  }
}
/** An empty text: the default first, then by name. */
type Sorted = { readonly sort?: PlatformSort | '' };
type SortedFields = Pick<PlatformView, 'id' | 'name' | 'isDefault' | 'createdAt' | 'updatedAt'>;
const EXAMPLE = { id: 1, name: '', isDefault: false, createdAt: new Date(0), updatedAt: new Date(0) };

/**
 * Part of a user's list. In memory: the list has at most 200 connections and comes whole from the cache, so no filter
 * needs the database, and any write drops one key, not one for each filter.
 */
export function partOf(list: readonly PlatformView[], query: PlatformListQuery): PlatformsPart {
  const { status, platformType, label = [], externalId, q, sort = '', limit = list.length } = query;
  const sought = q?.toLowerCase();
  const direction = sort.startsWith('-') ? -1 : 1;
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, sort, placeOf(query).keys);
  const found = list
    .filter(
      (view) =>
        (status === undefined || view.status === status) &&
        (platformType === undefined || view.platformType === platformType) &&
        (externalId === undefined || view.externalId === externalId) &&
        label.every((filter) => hasLabel(view.labels, filter)) &&
        (sought === undefined || contains(view, sought)),
    )
    .map((view) => ({ view, keys: placeOf(query, view).keys }))
    .filter(({ keys }) => after === null || direction * compare(keys, after) > 0)
    .sort((a, b) => direction * compare(a.keys, b.keys));
  const items = found.slice(0, limit).map(({ view }) => view);
  const last = items.at(-1);
  return {
    items,
    next: last === undefined || found.length <= limit ? null : encodeCursor(placeOf(query, last)),
  };
}

function contains({ name, instanceUrl, username }: PlatformView, sought: string): boolean {
  return [name, instanceUrl, username ?? ''].some((text) => text.toLowerCase().includes(sought));
}

function compare(a: Place['keys'], b: Place['keys']): number {
  for (const [at, key] of a.entries()) {
    const other = b[at];
    const order = typeof key === 'string' ? byName.compare(key, String(other)) : key - Number(other);
    if (order !== 0) return order;
  }
  return 0;
}
