import { describe, expect, it } from '@jest/globals';
import type { Platform } from '../api/client.js';
import { differences } from './differences.js';

function platform(id: number, own: Partial<Platform> = {}): Platform {
  return {
    id,
    userId: 1,
    name: `Platform ${id}`,
    platformType: 'mastodon',
    software: null,
    softwareVersion: null,
    instanceUrl: 'https://mastodon.example',
    username: null,
    isActive: true,
    isDefault: false,
    status: 'unchecked',
    lastCheckedAt: null,
    lastError: null,
    tokenExpiresAt: null,
    hasClientCredentials: false,
    hasAvatar: false,
    labels: {},
    externalId: null,
    lastUsed: null,
    createdAt: '2026-11-22T12:00:00.000Z',
    updatedAt: '2026-11-22T12:00:00.000Z',
    version: 1,
    ...own,
  };
}

const texts = (...lists: Parameters<typeof differences>): string[] =>
  differences(...lists).map(({ text }) => text);

describe('differences', () => {
  it('describes each change made elsewhere', () => {
    const before = [platform(1, { isDefault: true }), platform(2)];
    const after = [platform(2, { version: 2, isDefault: true }), platform(1, { version: 2 })];
    expect(texts(before, after)).toEqual(['“Platform 2” was made the default elsewhere.']);
    expect(differences([platform(1)], [platform(1, { version: 2, status: 'token_invalid' })])).toEqual([
      { text: '“Platform 1” is now: Token not accepted.', isBad: true },
    ]);
    const [recovered] = differences(
      [platform(1, { status: 'instance_error' })],
      [platform(1, { version: 2 })],
    );
    expect(recovered).toMatchObject({ isBad: false });
    expect(texts([platform(1)], [platform(2), platform(1, { version: 2 })])).toEqual([
      '“Platform 2” was added elsewhere.',
      '“Platform 1” was changed elsewhere.',
    ]);
    expect(texts([platform(1)], [])).toEqual(['“Platform 1” was deleted elsewhere.']);
  });

  it('ignores a change of the last use only', () => {
    expect(differences([platform(1)], [platform(1, { lastUsed: '2026-11-22T13:00:00.000Z' })])).toEqual([]);
  });

  it('summarises many changes in one sentence', () => {
    const all = [1, 2, 3, 4].map((id) => platform(id));
    expect(texts(all, [])).toEqual(['4 changes were made elsewhere.']);
  });
});
