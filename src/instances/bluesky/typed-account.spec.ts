import { describe, expect, it } from '@jest/globals';
import { typedAccount } from './typed-account.js';

const DID = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';

describe('what people type for an account at Bluesky', () => {
  it.each([
    ['alice.bsky.social', 'maybe', 'alice.bsky.social'],
    ['Example.ORG', 'maybe', 'example.org'],
    [' @alice.bsky.social ', 'account', 'alice.bsky.social'],
    ['https://bsky.app/profile/Alice.bsky.social/post/3k', 'account', 'alice.bsky.social'],
    ['bsky.app/profile/alice.bsky.social?x=1', 'account', 'alice.bsky.social'],
    [`https://bsky.app/profile/${DID}`, 'account', DID],
    [`at://${DID}/app.bsky.feed.post/3k`, 'account', DID],
    ['at://alice.bsky.social', 'account', 'alice.bsky.social'],
    [DID, 'account', DID],
    ['did:web:example.org', 'account', 'did:web:example.org'],
  ] as const)('%s is %s', (input, kind, identifier) => {
    expect(typedAccount(input)).toEqual({ kind, identifier });
  });

  it.each([
    '@alice@mastodon.social',
    'alice@mastodon.social',
    'https://mastodon.social/@alice',
    'localhost',
    '127.0.0.1',
    'example.org:8443',
    '@alice',
    'did:key:z6Mk',
    'did:plc:short',
    `${'a.'.repeat(130)}example`,
    '',
  ])('%s is none', (input) => {
    expect(typedAccount(input)).toBeNull();
  });
});
