import { describe, expect, it } from '@jest/globals';
import type { CheckOutcome } from './check-outcome.js';
import { outcomeOfRefusal } from './refusal-rules.js';
import { PLATFORM_TYPES, type PlatformType } from './software.js';

const answer = (status: number, headers: Readonly<Record<string, string>> = {}, body: unknown = {}) => ({
  status,
  headers,
  jsonText: JSON.stringify(body),
  latencyMs: 1,
});
const others = (type: PlatformType) => PLATFORM_TYPES.filter((other) => other !== type);

describe('outcomeOfRefusal', () => {
  it('takes 503 with Retry-After for a rate limit at GoToSocial, and for an error elsewhere or without it', () => {
    const busy = answer(503, { 'retry-after': '30' });
    expect(outcomeOfRefusal('gotosocial', busy)).toBe('rate_limited');
    expect(outcomeOfRefusal('gotosocial', answer(503))).toBe('instance_error');
    for (const type of others('gotosocial')) expect(outcomeOfRefusal(type, busy)).toBe('instance_error');
  });

  it('takes 422 at Mastodon for the token of an app that has no user, and for an error elsewhere', () => {
    const text = 'This method requires an authenticated user';
    const unprocessable = answer(422, {}, { error: text });
    expect(outcomeOfRefusal('mastodon', unprocessable)).toBe('token_invalid');
    for (const type of others('mastodon'))
      expect(outcomeOfRefusal(type, unprocessable)).toBe('instance_error');
  });

  it.each<[PlatformType, CheckOutcome]>([
    ['mastodon', 'instance_error'],
    ['pixelfed', 'account_disabled'],
    ['pleroma', 'token_invalid'],
    ['akkoma', 'token_invalid'],
    ['gotosocial', 'scope_missing'],
    ['friendica', 'token_invalid'],
  ])('takes a 403 of %s that says nothing more for %s', (type, outcome) => {
    expect(outcomeOfRefusal(type, answer(403))).toBe(outcome);
  });

  it('reads no outcome out of what could come from a server that is no instance', () => {
    for (const type of PLATFORM_TYPES) {
      expect(outcomeOfRefusal(type, { ...answer(403), jsonText: null })).toBeNull();
      expect(outcomeOfRefusal(type, answer(404))).toBeNull();
      expect(outcomeOfRefusal(type, answer(302, { location: 'https://elsewhere.example/' }))).toBeNull();
    }
  });
});
