import { describe, expect, it } from '@jest/globals';
import { decodeCursor } from '../http/page-cursor.js';
import { PLATFORM_SORTS, type PlatformListQuery, partOf, placeOf } from './platform-list.js';
import { type PlatformView, inListOrder } from './platform-view.js';

/** Names and times repeat, so that the id has to decide. */
function view(id: number): PlatformView {
  return {
    id,
    userId: 7,
    name: ['Ärger', 'alpha', 'Beta', 'beta', 'Zoo'][id % 5] ?? '',
    platformType: id % 3 === 0 ? 'pixelfed' : 'mastodon',
    software: null,
    softwareVersion: null,
    instanceUrl: `https://${id % 2 === 0 ? 'even' : 'odd'}.example`,
    username: id % 4 === 0 ? null : `Ada${id}`,
    isActive: true,
    isDefault: id === 11,
    status: id % 2 === 0 ? 'connected' : 'unchecked',
    lastCheckedAt: null,
    lastError: null,
    tokenExpiresAt: null,
    hasClientCredentials: false,
    hasAvatar: false,
    labels: {},
    externalId: null,
    lastUsed: null,
    createdAt: new Date(1000 * (id % 7)),
    updatedAt: new Date(1000 * (id % 3)),
    version: 1,
  };
}

const ALL = inListOrder(Array.from({ length: 200 }, (_, n) => view(n + 1)));
const ids = (list: readonly PlatformView[]): number[] => list.map(({ id }) => id);

function pages(
  query: PlatformListQuery,
  list: (page: number) => readonly PlatformView[] = () => ALL,
): number[] {
  const found: number[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < 500; page++) {
    const { items, next } = partOf(list(page), { ...query, ...(cursor !== undefined && { cursor }) });
    found.push(...ids(items));
    if (next === null) return found;
    cursor = next;
  }
  throw new Error('The pages do not end.');
}

describe('a part of a list', () => {
  it('is the whole list in its order if nothing is asked', () => {
    expect(partOf(ALL, {})).toEqual({ items: ALL, next: null });
  });

  it.each([undefined, ...PLATFORM_SORTS])(
    'comes in pages without a gap or a repetition, sorted by %s',
    (sort) => {
      const query = sort === undefined ? {} : { sort };
      const whole = ids(partOf(ALL, query).items);
      expect([...whole].sort((a, b) => a - b)).toEqual([...ids(ALL)].sort((a, b) => a - b));
      for (const limit of [1, 7, 199, 200]) expect(pages({ ...query, limit })).toEqual(whole);
      if (sort?.startsWith('-') === true)
        expect(whole).toEqual(ids(partOf(ALL, { sort: sort.slice(1) as 'name' }).items).reverse());
    },
  );

  it('goes on behind an item that is gone, and shows none twice when others come', () => {
    const whole = ids(ALL);
    const gone = new Set(whole.slice(9, 10));
    const later = ALL.filter(({ id }) => !gone.has(id));
    expect(pages({ limit: 10 }, (page) => (page === 0 ? ALL : later))).toEqual(whole);
  });

  it('filters by all that is asked, and pages what is left', () => {
    const query = { status: 'connected', platformType: 'pixelfed' } as const;
    const expected = ids(ALL).filter((id) => id % 6 === 0);
    expect(ids(partOf(ALL, query).items)).toEqual(expected);
    expect(pages({ ...query, limit: 4 })).toEqual(expected);
    expect(partOf(ALL, { status: 'token_invalid', limit: 4 })).toEqual({ items: [], next: null });
  });

  it('looks for q in name, instance and username, in any case, and for % as it stands', () => {
    const found = (q: string) => partOf(ALL, { q }).items.length;
    expect([found('ÄRGER'), found('EVEN.'), found('ada199'), found('%'), found('')]).toEqual([
      40, 100, 1, 0, 200,
    ]);
  });
});

describe('a cursor', () => {
  it.each([
    ['no base64', '???'],
    ['no JSON', 'AAAA'],
    ['no array', Buffer.from('{"a":1}').toString('base64url')],
    ['of another sort', partOf(ALL, { sort: 'name', limit: 1 }).next ?? ''],
    ['with a key of another type', Buffer.from('["",0,1,1]').toString('base64url')],
    ['with a key too many', Buffer.from('["",0,"a",1,1]').toString('base64url')],
  ])('is refused when it is %s', (_, text) => {
    expect(decodeCursor(text, '', placeOf({}).keys)).toBeNull();
  });
});
