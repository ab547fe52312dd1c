import { describe, expect, it } from '@jest/globals';
import { rateLimitOf } from './rate-limit.js';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const LATER = new Date('2026-11-22T12:05:00.000Z');

describe('rateLimitOf', () => {
  it.each([
    ['an ISO time', { 'x-ratelimit-reset': '2026-11-22T12:05:00.000000Z' }],
    ['seconds since 1970', { 'x-ratelimit-reset': String(LATER.getTime() / 1000) }],
    ['seconds from now', { 'x-ratelimit-reset': '300' }],
    ['Retry-After in seconds', { 'retry-after': '300' }],
    ['Retry-After as a date', { 'retry-after': LATER.toUTCString() }],
  ])('reads %s', (_, headers) => {
    expect(rateLimitOf(headers, NOW)).toEqual({ limit: null, remaining: null, resetsAt: LATER });
  });

  it('reads the counts, and ignores nonsense', () => {
    expect(rateLimitOf({ 'x-ratelimit-limit': '300', 'x-ratelimit-remaining': '0' }, NOW)).toEqual({
      limit: 300,
      remaining: 0,
      resetsAt: null,
    });
    for (const nonsense of ['', '-1', 'soon', '1e9', '9'.repeat(60)]) {
      expect(rateLimitOf({ 'x-ratelimit-limit': nonsense }, NOW)).toBeNull();
    }
    expect(rateLimitOf({}, NOW)).toBeNull();
  });

  it('limits the reset time to a week from now', () => {
    const { resetsAt } = rateLimitOf({ 'x-ratelimit-reset': '9999999999' }, NOW) ?? {};
    expect(resetsAt).toEqual(new Date('2026-11-29T12:00:00.000Z'));
  });
});
