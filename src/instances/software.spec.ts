import { describe, expect, it } from '@jest/globals';
import { type Offer, hasOtherApi, instanceTypeOf, traitsOf } from './software.js';

const offer = (own: Partial<Offer>): Offer => ({
  scopes: null,
  pkce: null,
  refreshTokens: null,
  revocable: null,
  ...own,
});

describe('instanceTypeOf', () => {
  it.each([
    ['mastodon', 'mastodon'],
    ['hometown', 'mastodon'],
    ['Friendica', 'friendica'],
    ['AKKOMA', 'akkoma'],
    ['snac', 'mastodon_api'],
    ['Iceshrimp.NET', 'mastodon_api'],
    ['Misskey', 'misskey'],
    ['cherrypick', null],
    ['something-new', null],
    ['', null],
    ['constructor', null],
  ])('maps %j to %j', (software, type) => expect(instanceTypeOf(software)).toBe(type));

  it.each(['PeerTube', 'lemmy'])('knows that %s has an API of its own', (software) =>
    expect(hasOtherApi(software)).toBe(true),
  );
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
    ['mastodon_api', 'something-new', '1.0', 'read'],
    ['misskey', 'cherrypick', '4.15.0', 'read:account'],
  ] as const)('requests of %s (%s %s) the scope %s', (type, software, version, scope) => {
    expect(traitsOf(type, software, version).scopes).toEqual([scope]);
  });

  it('believes what a server says of itself before what is known of its software', () => {
    const traits = (scopes: readonly string[]) =>
      traitsOf('mastodon_api', 'something-new', '1.0', offer({ scopes, pkce: 'S256', refreshTokens: true }));
    expect(traits(['write', 'read', 'read:accounts', 'profile'])).toMatchObject({
      scopes: ['profile'],
      pkce: 'S256',
      refreshTokens: true,
    });
    // Of OpenID Connect, `profile` is something else.
    expect(traits(['openid', 'profile', 'email', 'read']).scopes).toEqual(['read']);
    expect(traits(['email']).scopes).toEqual(['read']);
  });

  it('never allows a token of Friendica to be revoked, nor one of software about which nothing is known', () => {
    const isRevocable = (...server: Parameters<typeof traitsOf>) => traitsOf(...server).revocable;
    expect(isRevocable('friendica', 'friendica', '2024.08', offer({ revocable: true }))).toBe(false);
    expect(isRevocable('mastodon', 'mastodon', '4.4.2')).toBe(true);
    expect(isRevocable('mastodon_api', 'sharkey', '2025.2')).toBe(true);
    expect(isRevocable('mastodon_api', 'something-new', '1.0')).toBe(false);
    expect(isRevocable('mastodon_api', 'something-new', '1.0', offer({ revocable: true }))).toBe(true);
  });
});
