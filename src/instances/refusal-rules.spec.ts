import { describe, expect, it } from '@jest/globals';
import type { CheckOutcome } from './check-outcome.js';
import { outcomeAtInstance, outcomeOfRefusal } from './refusal-rules.js';
import { PLATFORM_TYPES, type PlatformType } from './software.js';

const response = (status: number, headers: Readonly<Record<string, string>> = {}, body: unknown = {}) => ({
  status,
  headers,
  jsonText: JSON.stringify(body),
  latencyMs: 1,
});
const others = (type: PlatformType) => PLATFORM_TYPES.filter((other) => other !== type);

describe('outcomeOfRefusal', () => {
  it('treats 503 with Retry-After as a rate limit at GoToSocial, and any other 503 as an error', () => {
    const busy = response(503, { 'retry-after': '30' });
    expect(outcomeOfRefusal('gotosocial', busy)).toBe('rate_limited');
    expect(outcomeOfRefusal('gotosocial', response(503))).toBe('instance_error');
    for (const type of others('gotosocial')) expect(outcomeOfRefusal(type, busy)).toBe('instance_error');
  });

  it('treats 422 as a token without a user at Mastodon and its like, and as an error elsewhere', () => {
    const text = 'This method requires an authenticated user';
    const unprocessable = response(422, {}, { error: text });
    expect(outcomeOfRefusal('mastodon', unprocessable)).toBe('token_invalid');
    expect(outcomeOfRefusal('mastodon_api', unprocessable)).toBe('token_invalid');
    for (const type of others('mastodon').filter((other) => other !== 'mastodon_api'))
      expect(outcomeOfRefusal(type, unprocessable)).toBe('instance_error');
  });

  it.each<[PlatformType, CheckOutcome]>([
    ['mastodon', 'instance_error'],
    ['pixelfed', 'account_disabled'],
    ['pleroma', 'token_invalid'],
    ['akkoma', 'token_invalid'],
    ['gotosocial', 'scope_missing'],
    ['friendica', 'token_invalid'],
    ['misskey', 'instance_error'],
  ])('treats a 403 from %s without an explanation as %s', (type, outcome) => {
    expect(outcomeOfRefusal(type, response(403))).toBe(outcome);
  });

  it.each<[string, CheckOutcome]>([
    ['insufficient_scope', 'scope_missing'],
    ['invalid_token', 'token_invalid'],
    ['account_suspended', 'account_disabled'],
  ])('reads the code %s, without a description, as %s', (error, outcome) => {
    for (const type of PLATFORM_TYPES)
      expect(outcomeOfRefusal(type, response(403, {}, { error }))).toBe(outcome);
  });

  it.each<[string, readonly number[], CheckOutcome]>([
    ['AUTHENTICATION_FAILED', [401, 403], 'token_invalid'],
    ['CREDENTIAL_REQUIRED', [401], 'token_invalid'],
    ['PERMISSION_DENIED', [400, 403], 'scope_missing'],
    ['YOUR_ACCOUNT_SUSPENDED', [403], 'account_disabled'],
    ['USER_IS_DELETED', [403], 'account_disabled'],
    ['YOUR_ACCOUNT_MOVED', [403], 'account_moved'],
    ['RATE_LIMIT_EXCEEDED', [400, 429], 'rate_limited'],
    ['INVALID_PARAM', [400], 'instance_error'],
  ])('reads the code %s of Misskey, with status %j, as %s', (code, statuses, outcome) => {
    const body = {
      error: { code, message: 'Your token, your scope, your approval', id: 'x', kind: 'client' },
    };
    for (const status of statuses)
      expect(outcomeOfRefusal('misskey', response(status, {}, body))).toBe(outcome);
  });

  it('gives no outcome for a response that a server other than an instance could send', () => {
    for (const type of PLATFORM_TYPES) {
      expect(outcomeOfRefusal(type, { ...response(403), jsonText: null })).toBeNull();
      expect(outcomeOfRefusal(type, response(404))).toBeNull();
      expect(outcomeOfRefusal(type, response(302, { location: 'https://elsewhere.example/' }))).toBeNull();
    }
  });

  it('leaves a challenge page to nodeinfo, and takes a 503 with a time to retry for maintenance', () => {
    const page = (status: number, more = {}) => ({
      ...response(status, { 'content-type': 'text/html', ...more }),
      jsonText: null,
    });
    for (const status of [403, 503]) {
      expect(outcomeOfRefusal('mastodon', page(status))).toBeNull();
      expect(outcomeAtInstance(page(status))).toBe('instance_blocks_programs');
    }
    expect(outcomeOfRefusal('mastodon', page(503, { 'retry-after': '600' }))).toBe('instance_error');
    expect(outcomeAtInstance(page(401))).toBe('instance_error');
  });

  it('takes a 401 or 422 of an instance without a body for a bad token, as snac means it', () => {
    for (const status of [401, 422])
      expect(outcomeAtInstance({ ...response(status), jsonText: null })).toBe('token_invalid');
    expect(outcomeAtInstance({ ...response(404), jsonText: null })).toBe('instance_error');
  });
});
