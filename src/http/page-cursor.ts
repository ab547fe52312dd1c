import { ValidateBy } from 'class-validator';

/** Longer than any: the name of a connection is the longest key in one. */
const MAX_LENGTH = 1000;
const INVALID = 'is no cursor of this list: take it from the Link header, and keep the sort';

/** The keys of the last item of a page, under the order that the list had. */
export interface Place {
  readonly sort: string;
  readonly keys: readonly (string | number)[];
}

/** Opaque to clients. It names a place, not an item: the next page is right even if that item is gone. */
export function encodeCursor({ sort, keys }: Place): string {
  return Buffer.from(JSON.stringify([sort, ...keys])).toString('base64url');
}

/** Null for anything that is no cursor of a list with this sort and such keys. */
export function decodeCursor(text: string, sort: string, alike: Place['keys']): Place['keys'] | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return null;
  }
  if (!Array.isArray(parsed)) return null;
  const [of, ...keys] = parsed as unknown[];
  const fits = of === sort && keys.length === alike.length;
  return fits && keys.every((key, at) => isKey(key) && typeof key === typeof alike[at])
    ? (keys as Place['keys'])
    : null;
}

/** Names, ids and times in milliseconds. */
function isKey(key: unknown): boolean {
  return typeof key === 'string' || Number.isSafeInteger(key);
}

/** `cursor` of a query. @param sortOf the sort of the query, and keys of the types that a cursor of it has. */
export function IsCursor(placeOf: (query: object) => Place): PropertyDecorator {
  return ValidateBy({
    name: 'isCursor',
    validator: {
      validate: (value: unknown, found) => {
        if (typeof value !== 'string' || value.length > MAX_LENGTH) return false;
        const { sort, keys } = placeOf(found?.object ?? {});
        return decodeCursor(value, sort, keys) !== null;
      },
      defaultMessage: () => `cursor ${INVALID}`,
    },
  });
}

/** RFC 8288: the next page of the same list. A parameter with several values is repeated. */
export function nextLink(path: string, query: object, cursor: string): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of [value].flat()) parameters.append(name, String(one));
  }
  parameters.set('cursor', cursor);
  return `<${path}?${parameters.toString()}>; rel="next"`;
}
