import { describe, expect, it } from '@jest/globals';
import { instanceTypeOf, isRevocable, traitsOf } from './software.js';

describe('instanceTypeOf', () => {
  it.each([
    ['mastodon', 'mastodon'],
    ['hometown', 'mastodon'],
    ['Friendica', 'friendica'],
    ['AKKOMA', 'akkoma'],
    ['misskey', null],
    ['', null],
    ['constructor', null],
  ])('maps %j to %j', (software, type) => expect(instanceTypeOf(software)).toBe(type));
});

describe('traitsOf', () => {
  it.each([
    ['mastodon', 'mastodon', '4.3.0', 'profile'],
    ['mastodon', 'mastodon', 'v4.3.0-rc.1+glitch', 'profile'],
    ['mastodon', 'mastodon', '10.0.0', 'profile'],
    ['mastodon', 'mastodon', '4.2.99', 'read:accounts'],
    ['mastodon', 'mastodon', 'unknown', 'read:accounts'],
    ['mastodon', 'hometown', '4.5.0', 'read:accounts'],
    ['gotosocial', 'gotosocial', '0.19.0', 'profile'],
    ['gotosocial', 'gotosocial', '0.18.3', 'read'],
    ['pixelfed', 'pixelfed', '0.12.5', 'read'],
    ['friendica', 'friendica', '2024.08', 'read'],
  ] as const)('requests of %s (%s %s) the scope %s', (type, software, version, scope) => {
    expect(traitsOf(type, software, version).scopes).toEqual([scope]);
  });

  it('never allows a token of Friendica to be revoked', () => {
    expect(isRevocable('friendica')).toBe(false);
    expect(isRevocable('mastodon')).toBe(true);
  });
});
