import { describe, expect, it } from '@jest/globals';
import type { BypassReason } from './cache-errors.js';
import { type CacheOutcome, cacheStatus } from './cache-read.js';

describe('cacheStatus', () => {
  it.each<[CacheOutcome, BypassReason | null, boolean, string]>([
    ['hit', null, false, 'platform-manager; hit'],
    ['miss', null, true, 'platform-manager; fwd=miss; stored'],
    ['miss', null, false, 'platform-manager; fwd=miss'],
    ['collapsed', null, false, 'platform-manager; fwd=miss; collapsed'],
    ['collapsed', null, true, 'platform-manager; fwd=miss; collapsed'],
    ['corrupt', null, true, 'platform-manager; fwd=miss; stored; detail=corrupt'],
    ['corrupt', null, false, 'platform-manager; fwd=miss; detail=corrupt'],
    ['bypass', 'redis-unavailable', false, 'platform-manager; fwd=bypass; detail=redis-unavailable'],
    ['bypass', 'recovering', false, 'platform-manager; fwd=bypass; detail=recovering'],
    ['bypass', 'lease-wait', false, 'platform-manager; fwd=bypass; detail=lease-wait'],
    ['bypass', 'include-inactive', false, 'platform-manager; fwd=bypass; detail=include-inactive'],
    ['error', 'redis-timeout', false, 'platform-manager; fwd=bypass; detail=redis-timeout'],
    ['error', 'redis-error', false, 'platform-manager; fwd=bypass; detail=redis-error'],
    ['error', null, false, 'platform-manager; fwd=bypass; detail=unknown'],
  ])('says %s with %p, stored %p, as RFC 9211 does', (outcome, detail, stored, text) => {
    expect(cacheStatus({ outcome, detail, stored })).toBe(text);
  });
});
