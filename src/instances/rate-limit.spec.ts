import { describe, expect, it } from '@jest/globals';
import { rateLimitOf } from './rate-limit.js';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const LATER = new Date('2026-11-22T12:05:00.000Z');

const response = (headers: Readonly<Record<string, string>>, status = 200, body: unknown = {}) => ({
  status,
  headers,
  jsonText: JSON.stringify(body),
  latencyMs: 1,
});
const throttled = (info: unknown) =>
  response({}, 429, {
    error: { code: 'RATE_LIMIT_EXCEEDED', kind: 'client', ...(info === null ? {} : { info }) },
  });

describe('rateLimitOf', () => {
  it.each([
    ['an ISO time', { 'x-ratelimit-reset': '2026-11-22T12:05:00.000000Z' }],
    ['seconds since 1970', { 'x-ratelimit-reset': String(LATER.getTime() / 1000) }],
    ['seconds from now', { 'x-ratelimit-reset': '300' }],
    ['Retry-After in seconds', { 'retry-after': '300' }],
    ['Retry-After as a date', { 'retry-after': LATER.toUTCString() }],
  ])('reads %s', (_, headers) => {
    expect(rateLimitOf(response(headers), NOW)).toEqual({ limit: null, remaining: null, resetsAt: LATER });
  });

  it('reads the counts, and ignores nonsense', () => {
    expect(rateLimitOf(response({ 'x-ratelimit-limit': '300', 'x-ratelimit-remaining': '0' }), NOW)).toEqual({
      limit: 300,
      remaining: 0,
      resetsAt: null,
    });
    for (const nonsense of ['', '-1', 'soon', '1e9', '9'.repeat(60)]) {
      expect(rateLimitOf(response({ 'x-ratelimit-limit': nonsense }), NOW)).toBeNull();
    }
    expect(rateLimitOf(response({}), NOW)).toBeNull();
  });

  it('limits the reset time to a week from now', () => {
    const { resetsAt } = rateLimitOf(response({ 'x-ratelimit-reset': '9999999999' }), NOW) ?? {};
    expect(resetsAt).toEqual(new Date('2026-11-29T12:00:00.000Z'));
  });

  it.each([
    ['a time, as Misskey has it', { remaining: 0, reset: LATER.getTime() / 1000, resetMs: LATER.getTime() }],
    ['a duration, as Sharkey has it', { blocked: true, remaining: 0, resetSec: 300, resetMs: 300_000 }],
  ])('reads %s in the body of a 429', (_, info) => {
    expect(rateLimitOf(throttled(info), NOW)?.resetsAt).toEqual(LATER);
  });

  it('does without the time where a body has none, or none that can be', () => {
    for (const info of [null, {}, { resetMs: 'soon' }, { resetMs: -1 }, []])
      expect(rateLimitOf(throttled(info), NOW)).toBeNull();
    expect(rateLimitOf({ ...throttled({ resetMs: 300_000 }), status: 200 }, NOW)).toBeNull();
  });
});
