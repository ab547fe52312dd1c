import { describe, expect, it } from '@jest/globals';
import { PLATFORM_TYPES } from '../platforms/platform-view.js';
import { type PlatformStats, type StatsId, platformStatsKey, platformStatsSpec } from './platform-stats.js';

const ID: StatsId = { userId: 7, platformId: 42 };
const spec = platformStatsSpec({ statsTtlSeconds: 300 });

function stats(own: Partial<PlatformStats> = {}): PlatformStats {
  return {
    userId: 7,
    platformId: 42,
    platformName: 'Ünïcödé 🐘 "quoted"',
    platformType: 'pixelfed',
    totalPosts: 120,
    totalImages: 480,
    processingRuns: 12,
    byStatus: { published: 600, 'not yet / 待機中': 12 },
    account: null,
    computedAt: new Date('2026-11-22T12:00:00.000Z'),
    ...own,
  };
}

function tampered(change: (entry: Record<string, unknown>) => void): string {
  const entry = JSON.parse(spec.encode(stats())) as Record<string, unknown>;
  change(entry);
  return JSON.stringify(entry);
}

describe('platformStatsSpec', () => {
  it('has the literal key, and a short TTL for an absent connection', () => {
    expect(spec.key(ID)).toBe('platform_stats:7:42');
    expect(platformStatsKey(ID)).toBe('platform_stats:7:42');
    expect(spec.ttlSeconds(stats())).toBe(300);
    expect(spec.ttlSeconds(null)).toBe(30);
    expect(spec.resource).toBe('platform_stats');
  });

  it.each<[string, PlatformStats | null]>([
    ['statistics', stats()],
    ['statistics of nothing', stats({ totalPosts: 0, totalImages: 0, processingRuns: 0, byStatus: {} })],
    [
      'a status that is called like a property of objects',
      stats({ byStatus: { constructor: 1, toString: 2 } }),
    ],
    [
      'statistics of an account that hides a count',
      stats({ account: { followers: 12, following: null, statuses: 56, takenAt: new Date(0) } }),
    ],
    ['absence', null],
  ])('gives back %s as they were, dates as dates', (_, value) => {
    const raw = spec.encode(value);
    expect(spec.decode(raw, ID)).toEqual(value);
    expect(spec.encode(spec.decode(raw, ID))).toBe(raw);
  });

  it.each(PLATFORM_TYPES)('knows the type %s', (platformType) => {
    expect(spec.decode(spec.encode(stats({ platformType })), ID)?.platformType).toBe(platformType);
  });

  it('refuses the statistics of another connection', () => {
    expect(() => spec.decode(spec.encode(stats()), { userId: 7, platformId: 43 })).toThrow();
  });

  it("refuses another user's statistics of the same connection, moved under this user's key", () => {
    const raw = spec.encode(stats()); // the entry of user 7
    expect(() => spec.decode(raw, { userId: 8, platformId: 42 })).toThrow();
  });

  it.each<[string, (entry: Record<string, unknown>) => void]>([
    ['a missing field', (entry) => delete entry['totalPosts']],
    ['an unknown field', (entry) => (entry['extra'] = 1)],
    ['a negative count', (entry) => (entry['totalPosts'] = -1)],
    ['a fractional count', (entry) => (entry['totalImages'] = 1.5)],
    ['a text for a count', (entry) => (entry['processingRuns'] = '12')],
    ['a text for a count by status', (entry) => (entry['byStatus'] = { published: '600' })],
    ['a list by status', (entry) => (entry['byStatus'] = [1])],
    ['half an account', (entry) => (entry['account'] = { followers: 1 })],
    ['an unknown type', (entry) => (entry['platformType'] = 'twitter')],
    ['a date that is none', (entry) => (entry['computedAt'] = 'now')],
  ])('refuses %s', (_, change) => {
    expect(() => spec.decode(tampered(change), ID)).toThrow();
  });

  it.each(['', '{', '[]', '{}', '7', '"null"', 'undefined'])('refuses %j', (raw) => {
    expect(() => spec.decode(raw, ID)).toThrow();
  });

  it('has one fingerprint for what was computed at different times', () => {
    expect(spec.fingerprint(stats({ computedAt: new Date(0) }))).toBe(spec.fingerprint(stats()));
    expect(spec.fingerprint(stats({ totalPosts: 121 }))).not.toBe(spec.fingerprint(stats()));
    expect(spec.fingerprint(null)).not.toBe(spec.fingerprint(stats()));
  });
});
