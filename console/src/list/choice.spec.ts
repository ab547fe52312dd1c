import { describe, expect, it } from '@jest/globals';
import type { Platform } from '../api/client.js';
import { choiceOf, chosen, softwareOptions, statusOptions } from './choice.js';

const platform = (id: number, own: Partial<Platform>): Platform => ({
  id,
  userId: 1,
  name: `Number ${id}`,
  platformType: 'mastodon',
  software: null,
  softwareVersion: null,
  instanceUrl: 'https://mastodon.example',
  username: `someone${id}`,
  isActive: true,
  isDefault: false,
  status: 'connected',
  lastCheckedAt: null,
  lastError: null,
  tokenExpiresAt: null,
  hasClientCredentials: false,
  hasAvatar: false,
  labels: {},
  externalId: null,
  lastUsed: null,
  createdAt: '2026-01-01T00:00:00Z',
  updatedAt: '2026-01-01T00:00:00Z',
  version: 1,
  ...own,
});

const LIST = [
  platform(1, { name: 'Café', isDefault: true, lastCheckedAt: '2026-01-02T00:00:00Z' }),
  platform(10, { status: 'token_invalid', lastCheckedAt: '2026-01-03T00:00:00Z' }),
  platform(2, { isActive: false, platformType: 'mastodon_api', software: 'hollo' }),
  platform(3, { status: 'unchecked', platformType: 'pixelfed', instanceUrl: 'https://photos.example' }),
];

const ids = (query: string): number[] => chosen(LIST, choiceOf(query)).map(({ id }) => id);

describe('what is shown of the list', () => {
  it('is all of it, as it came, unless something else is asked for', () => {
    expect(ids('')).toEqual([1, 10, 2, 3]);
    expect(ids('status=no-such-status&sort=no-such-order')).toEqual([]);
  });

  it('is found by name without accents, by handle, host, software and status, all words', () => {
    expect(ids('q=CAFE')).toEqual([1]);
    expect(ids('q=%40someone10%40mastodon')).toEqual([10]);
    expect(ids('q=photos')).toEqual([3]);
    expect(ids('q=hollo')).toEqual([2]);
    expect(ids('q=number+not+accepted')).toEqual([10]);
  });

  it('is narrowed by status and software', () => {
    expect(ids('status=attention')).toEqual([10]);
    expect(ids('status=disabled')).toEqual([2]);
    expect(ids('status=unchecked')).toEqual([3]);
    expect(ids('software=Mastodon&status=connected')).toEqual([1]);
  });

  it('is sorted, numbers by value, and what has no time last', () => {
    expect(ids('sort=name')).toEqual([1, 2, 3, 10]);
    expect(ids('sort=trouble')).toEqual([10, 3, 1, 2]);
    expect(ids('sort=checked')).toEqual([10, 1, 2, 3]);
  });

  it('offers what there is, with how many, and what is chosen', () => {
    expect(statusOptions(LIST, 'rate_limited')).toEqual({
      '': 'Any status',
      attention: 'Needs attention (1)',
      disabled: 'Disabled (1)',
      unchecked: 'Not tested yet (1)',
      connected: 'Connected (2)',
      token_invalid: 'Token not accepted (1)',
      rate_limited: 'Rate limited (0)',
    });
    expect(softwareOptions(LIST, 'Misskey')).toEqual({
      '': 'Any software',
      hollo: 'hollo (1)',
      Mastodon: 'Mastodon (2)',
      Misskey: 'Misskey (0)',
      Pixelfed: 'Pixelfed (1)',
    });
  });
});
