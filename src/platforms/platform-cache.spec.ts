import { describe, expect, it } from '@jest/globals';
import {
  type CachedPlatform,
  platformKey,
  platformSpec,
  userPlatformsKey,
  userPlatformsSpec,
} from './platform-cache.js';
import { PLATFORM_STATUSES, PLATFORM_TYPES, type PlatformView } from './platform-view.js';

const USER = 7;
const TTL = { platformTtlSeconds: 3600 };
const list = userPlatformsSpec(TTL);
const single = platformSpec(TTL, () => true);

function view(own: Partial<PlatformView> = {}): PlatformView {
  return {
    id: 42,
    userId: USER,
    name: 'Ünïcödé 🐘 "quoted" \\ </script>',
    platformType: 'mastodon',
    software: 'mastodon',
    softwareVersion: '4.4.2',
    instanceUrl: 'https://mastodon.social',
    username: null,
    isActive: true,
    isDefault: false,
    status: 'connected',
    lastCheckedAt: new Date('2026-11-22T12:00:00.000Z'),
    lastError: null,
    tokenExpiresAt: null,
    hasClientCredentials: true,
    hasAvatar: false,
    labels: {},
    externalId: null,
    lastUsed: new Date('2026-11-21T23:59:59.999Z'),
    createdAt: new Date('2026-11-01T09:30:00.001Z'),
    updatedAt: new Date('2026-11-22T12:00:00.000Z'),
    version: 3,
    ...own,
  };
}

const CREDENTIALS = {
  accessToken: 'gAAAAAciphertext-of-the-access-token',
  clientKey: 'gAAAAAciphertext-of-the-client-key',
  clientSecret: 'gAAAAAciphertext-of-the-client-secret',
  keyId: 'key-1',
  seal: 'the-seal',
};

function cached(
  own: Partial<PlatformView> = {},
  credentials: Partial<typeof CREDENTIALS> = {},
): CachedPlatform {
  const shown = view(own);
  return { view: shown, body: JSON.stringify(shown), credentials: { ...CREDENTIALS, ...credentials } };
}

/** A stored text in which the first connection was tampered with. */
function tampered(raw: string, change: (entry: Record<string, unknown>) => void): string {
  const parsed = JSON.parse(raw) as Record<string, unknown> | Record<string, unknown>[];
  change((Array.isArray(parsed) ? parsed[0] : parsed) ?? {});
  return JSON.stringify(parsed);
}

/** What makes any view unreadable, in a list and alone. */
const FAULTS: [string, (entry: Record<string, unknown>) => void][] = [
  ['a missing field', (entry) => delete entry['isDefault']],
  ['an unknown field', (entry) => (entry['extra'] = 1)],
  [
    'an unknown field by the name of a prototype',
    (entry) => Object.defineProperty(entry, '__proto__', { value: {}, enumerable: true }),
  ],
  ['a plain access token among the fields', (entry) => (entry['accessToken'] = 'secret')],
  ['a text for an id', (entry) => (entry['id'] = '42')],
  ['a fractional id', (entry) => (entry['id'] = 42.5)],
  ['an id of zero', (entry) => (entry['userId'] = 0)],
  ['a null name', (entry) => (entry['name'] = null)],
  ['an unknown platform type', (entry) => (entry['platformType'] = 'twitter')],
  ['an unknown status', (entry) => (entry['status'] = 'fine')],
  ['a number for a truth value', (entry) => (entry['isActive'] = 1)],
  ['a date that is none', (entry) => (entry['createdAt'] = 'yesterday')],
  ['a date without a time', (entry) => (entry['createdAt'] = '2026-11-01')],
  ['a null where a date must be', (entry) => (entry['updatedAt'] = null)],
  ['a number for a date', (entry) => (entry['updatedAt'] = 1_764_000_000)],
  ['a version of zero', (entry) => (entry['version'] = 0)],
];

const NO_ENTRIES = [
  '',
  'undefined',
  '{',
  '[',
  '7',
  'true',
  '"text"',
  '[null]',
  '[[]]',
  '{"id":42}',
  '\u0000',
];

describe('userPlatformsSpec', () => {
  it('has the literal key and the TTL of the contract', () => {
    expect(list.key(USER)).toBe('user_platforms:7');
    expect(userPlatformsKey(USER)).toBe('user_platforms:7');
    expect(list.ttlSeconds([])).toBe(3600);
    expect(list.resource).toBe('user_platforms');
  });

  it.each<[string, PlatformView[]]>([
    ['no connections', []],
    ['one', [view()]],
    ['several, in their order', [view({ id: 3 }), view({ id: 1, isDefault: true }), view({ id: 2 })]],
    ['every type', PLATFORM_TYPES.map((platformType) => view({ platformType }))],
    ['every status', PLATFORM_STATUSES.map((status) => view({ status }))],
    [
      'all that can be null',
      [view({ lastCheckedAt: null, lastUsed: null, username: 'alice', lastError: 'x' })],
    ],
  ])('gives back %s as it was, dates as dates', (_, platforms) => {
    const raw = list.encode(platforms);
    expect(list.decode(raw, USER)).toEqual(platforms);
    expect(list.encode(list.decode(raw, USER))).toBe(raw);
  });

  it('stores a plain JSON array without any credential', () => {
    const raw = list.encode([view()]);
    const [entry] = JSON.parse(raw) as [Record<string, unknown>];
    expect(Object.keys(entry)).toEqual(Object.keys(view()));
    expect(raw).not.toMatch(/accessToken|clientKey|clientSecret|seal|keyId|gAAAAA/);
    expect(entry['lastCheckedAt']).toBe('2026-11-22T12:00:00.000Z');
  });

  it("refuses another user's list", () => {
    expect(() => list.decode(list.encode([view()]), USER + 1)).toThrow();
  });

  it("refuses a list with one of another user's connections in it", () => {
    expect(() => list.decode(list.encode([view(), view({ id: 43, userId: 8 })]), USER)).toThrow();
  });

  it('refuses a list with an inactive connection in it', () => {
    expect(() => list.decode(list.encode([view(), view({ id: 43, isActive: false })]), USER)).toThrow();
  });

  it.each(FAULTS)('refuses %s', (_, change) => {
    const raw = tampered(list.encode([view(), view({ id: 43 })]), change);
    expect(() => list.decode(raw, USER)).toThrow();
  });

  it.each([...NO_ENTRIES, 'null', '{}'])('refuses %j', (raw) => {
    expect(() => list.decode(raw, USER)).toThrow();
  });

  it("refuses a single connection's entry, which holds credentials", () => {
    const entry = single.encode(cached());
    expect(() => list.decode(entry, USER)).toThrow();
    expect(() => list.decode(`[${entry}]`, USER)).toThrow();
  });

  it('has one fingerprint for what only differs in when it was used', () => {
    const used = view({ lastUsed: new Date() });
    expect(list.fingerprint([used])).toBe(list.fingerprint([view()]));
    expect(list.fingerprint([view({ version: 4 })])).not.toBe(list.fingerprint([view()]));
    expect(list.fingerprint([view({ status: 'needs_reconnect' })])).not.toBe(list.fingerprint([view()]));
    expect(list.fingerprint([])).not.toBe(list.fingerprint([view()]));
  });
});

describe('platformSpec', () => {
  it('has the literal key, and a short TTL for an absent connection', () => {
    expect(single.key(42)).toBe('platform:42');
    expect(platformKey(42)).toBe('platform:42');
    expect(single.ttlSeconds(cached())).toBe(3600);
    expect(single.ttlSeconds(null)).toBe(30);
    expect(single.resource).toBe('platform');
  });

  it.each<[string, CachedPlatform]>([
    ['an active connection', cached()],
    ['an inactive connection', cached({ isActive: false })],
    ['any of its nulls', cached({ lastCheckedAt: null, lastUsed: null, username: 'alice' })],
  ])('gives back %s as it was: view, body and sealed credentials', (_, platform) => {
    const raw = single.encode(platform);
    expect(single.decode(raw, 42)).toEqual(platform);
    expect(single.decode(raw, 42)?.body).toBe(platform.body);
  });

  it('gives back credentials that were never sealed, or are fewer', () => {
    const credentials = { ...CREDENTIALS, clientKey: null, clientSecret: null, seal: null };
    const platform = { ...cached(), credentials };
    expect(single.decode(single.encode(platform), 42)).toEqual(platform);
  });

  it('gives back absence', () => {
    expect(single.encode(null)).toBe('null');
    expect(single.decode('null', 42)).toBeNull();
  });

  it('stores one JSON object, the view and its credentials', () => {
    const entry = JSON.parse(single.encode(cached())) as Record<string, unknown>;
    expect(Object.keys(entry)).toEqual([...Object.keys(view()), 'credentials']);
    expect(entry['credentials']).toEqual(CREDENTIALS);
  });

  it('has a body for the API that holds no credential and no ciphertext', () => {
    const body = single.decode(single.encode(cached()), 42)?.body ?? '';
    expect(Object.keys(JSON.parse(body) as object)).toEqual(Object.keys(view()));
    expect(body).not.toMatch(/credentials|accessToken|clientKey|clientSecret|seal|keyId|gAAAAA/);
  });

  it('refuses the entry of another connection', () => {
    expect(() => single.decode(single.encode(cached()), 43)).toThrow();
  });

  it.each(FAULTS)('refuses %s', (_, change) => {
    expect(() => single.decode(tampered(single.encode(cached()), change), 42)).toThrow();
  });

  it.each<[string, (credentials: Record<string, unknown>) => void]>([
    ['no access token', (credentials) => delete credentials['accessToken']],
    ['a null access token', (credentials) => (credentials['accessToken'] = null)],
    ['no key id', (credentials) => delete credentials['keyId']],
    ['no word on the seal', (credentials) => delete credentials['seal']],
    ['an unknown field', (credentials) => (credentials['password'] = 'secret')],
  ])('refuses credentials with %s', (_, change) => {
    const raw = tampered(single.encode(cached()), (entry) =>
      change(entry['credentials'] as Record<string, unknown>),
    );
    expect(() => single.decode(raw, 42)).toThrow();
  });

  it('refuses a view without credentials', () => {
    expect(() => single.decode(cached().body, 42)).toThrow();
  });

  it.each([...NO_ENTRIES, '[]', '{}'])('refuses %j', (raw) => {
    expect(() => single.decode(raw, 42)).toThrow();
  });

  it('has another fingerprint when the credentials are others', () => {
    const other = cached({}, { accessToken: 'gAAAAAanother' });
    expect(single.fingerprint(other)).not.toBe(single.fingerprint(cached()));
    expect(single.fingerprint(cached({ lastUsed: null }))).toBe(single.fingerprint(cached()));
    expect(single.fingerprint(null)).not.toBe(single.fingerprint(cached()));
  });
});
