import { describe, expect, it } from '@jest/globals';
import { misskeyAccountSchema } from './misskey-account.js';

const NEW_URI = 'https://new.example/users/9abc';
const PICTURE = 'https://media.example/proxy/avatar.webp?url=https%3A%2F%2Fs3.example%2Fa.png&avatar=1';

/** What `/api/i` of 2025 answers, of what we read. */
const alice = {
  id: '9m9q4c61al',
  name: 'Alice :blobcat:',
  username: 'alice',
  host: null,
  avatarUrl: PICTURE,
  url: null,
  uri: null,
  movedTo: null,
  followersCount: 12,
  followingCount: 34,
  notesCount: 56,
};
const read = (own: object) => misskeyAccountSchema.safeParse({ ...alice, ...own }).data;

describe('misskeyAccountSchema', () => {
  it('reads an account', () => {
    expect(read({})).toEqual({
      account: {
        id: '9m9q4c61al',
        username: 'alice',
        displayName: 'Alice :blobcat:',
        avatarUrl: PICTURE,
        uri: null,
        followers: 12,
        following: 34,
        statuses: 56,
        movedTo: null,
      },
      movedToId: null,
    });
  });

  it.each<[string, object, object]>([
    ['no name', { name: null }, { displayName: null }],
    ['a name with markup', { name: '<b>Al</b>\u202eice' }, { displayName: 'Al ice' }],
    ['no picture', { avatarUrl: null }, { avatarUrl: null }],
    ['a picture without a host', { avatarUrl: '/identicon/alice' }, { avatarUrl: null }],
    ['a picture that is a script', { avatarUrl: 'javascript:alert(1)' }, { avatarUrl: null }],
    [
      'counts that are hidden',
      { followersCount: null, followingCount: -1 },
      { followers: null, following: null },
    ],
    ['no counts, as a lite user', { notesCount: undefined }, { statuses: null }],
  ])('does without %s', (_, own, expected) => {
    expect(read(own)?.account).toMatchObject(expected);
  });

  it.each<[string, object, string | null, string | null]>([
    ['an id, as Misskey has it', { movedTo: '9new' }, null, '9new'],
    ['an id and an address, as Sharkey has them', { movedTo: '9new', movedToUri: NEW_URI }, NEW_URI, '9new'],
    [
      'an account, as Firefish has it',
      { movedToUri: { username: 'bob', host: 'new.example' } },
      '@bob@new.example',
      null,
    ],
    ['an account of the same instance', { movedToUri: { username: 'bob', host: null } }, '@bob', null],
    ['null', { movedTo: null, movedToUri: null }, null, null],
    ['nonsense', { movedTo: 7, movedToUri: ['x'] }, null, null],
    ['an address that is none', { movedToUri: 'file:///etc/passwd' }, null, null],
  ])('reads where an account has moved to: %s', (_, own, movedTo, movedToId) => {
    const found = read(own);
    expect([found?.account.movedTo, found?.movedToId]).toEqual([movedTo, movedToId]);
  });

  it.each([
    { id: undefined },
    { id: 'a/b' },
    { id: 7 },
    { username: '' },
    { username: '\u200b' },
    { username: 1 },
  ])('is none with %j', (own) => expect(read(own)).toBeUndefined());
});
