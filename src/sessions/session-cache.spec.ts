import { describe, expect, it } from '@jest/globals';
import { SESSION_SPEC, liveSession } from './session-cache.js';

describe('the cached entry of a session', () => {
  it.each([
    ['a session', liveSession({ session: '12', userId: 7, role: 'admin', confirmedAt: 1000 })],
    [
      'what stands for the tokens of a provider',
      liveSession({ session: 'user-7', userId: 7, role: 'user', confirmedAt: null }),
    ],
  ])('is read as it was written, for %s', (_what, live) => {
    const raw = SESSION_SPEC.encode(live);
    expect(SESSION_SPEC.decode(raw, live.session)).toEqual(live);
    expect(() => SESSION_SPEC.decode(raw, '13')).toThrow();
  });

  it('gives the session to the user of ours, and none to one of the provider', () => {
    const own = liveSession({ session: '12', userId: 7, role: 'admin', confirmedAt: 1000 }).user;
    expect(own).toEqual({ id: 7, role: 'admin', scopes: 'all', sessionId: 12, confirmedAtMs: 1000 });
    const providers = liveSession({ session: 'user-7', userId: 7, role: 'user', confirmedAt: null }).user;
    expect(providers).toEqual({ id: 7, role: 'user', scopes: 'all' });
  });

  it('says with null that a session has ended, and for a short time only', () => {
    expect(SESSION_SPEC.decode(SESSION_SPEC.encode(null), '12')).toBeNull();
    expect(SESSION_SPEC.ttlSeconds(null)).toBeLessThanOrEqual(10);
  });

  it.each([
    '{"session":"12","userId":7,"confirmedAt":1}',
    '{"session":"12","userId":7,"role":"user"}',
    '{"session":"12","userId":7,"role":"root","confirmedAt":1}',
    '{"session":"12","userId":0,"role":"user","confirmedAt":1}',
    '{"session":"12","userId":7,"role":"user","scopes":"all","confirmedAt":1}',
    '[]',
  ])('is not believed as %s', (raw) => {
    expect(() => SESSION_SPEC.decode(raw, '12')).toThrow();
  });
});
