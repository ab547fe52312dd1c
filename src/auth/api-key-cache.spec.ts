import { describe, expect, it } from '@jest/globals';
import { API_KEY_SPEC, knownApiKey } from './api-key-cache.js';

const fields = {
  id: 5,
  userId: 7,
  lookup: 'x7Kd93Qa',
  hash: Buffer.alloc(32, 1),
  scopes: ['platforms:read'] as const,
  expiresAt: null,
};
const limited = knownApiKey({ ...fields, policy: { platformIds: [42], addresses: ['203.0.113.0/24'] } });

describe('the cached entry of an API key', () => {
  it.each([
    ['with a policy', limited],
    ['with one of the limits', knownApiKey({ ...fields, policy: { platformIds: [] } })],
    ['without a policy', knownApiKey({ ...fields, policy: null })],
  ])('is read as it was written, %s', (_what, known) => {
    const raw = API_KEY_SPEC.encode(known);
    const read = API_KEY_SPEC.decode(raw, fields.lookup);
    expect(read).toEqual(known);
    expect(API_KEY_SPEC.encode(read)).toBe(raw);
  });

  it('enforces the policy that was read', () => {
    const { user } = API_KEY_SPEC.decode(API_KEY_SPEC.encode(limited), fields.lookup) ?? {};
    expect([user?.policy?.permitsPlatform(42), user?.policy?.permitsPlatform(43)]).toEqual([true, false]);
    expect(['203.0.113.7', '203.0.114.7'].map((ip) => user?.policy?.permitsAddress(ip))).toEqual([
      true,
      false,
    ]);
  });

  it('leaves the user of a key without limits without a policy', () => {
    expect(knownApiKey({ ...fields, policy: null }).user).not.toHaveProperty('policy');
  });

  it('is not believed without a policy field, as it was before there were policies', () => {
    const { policy: _, ...before } = JSON.parse(API_KEY_SPEC.encode(limited)) as Record<string, unknown>;
    expect(() => API_KEY_SPEC.decode(JSON.stringify(before), fields.lookup)).toThrow();
  });

  it('is compared with its policy, by the self-audit', () => {
    const wider = knownApiKey({ ...fields, policy: null });
    expect(API_KEY_SPEC.fingerprint(wider)).not.toBe(API_KEY_SPEC.fingerprint(limited));
  });
});
