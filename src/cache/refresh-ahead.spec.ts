import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { waitUntil } from '../../test/support/barrier.js';
import type { DecodedEntry } from './decoded-entries.js';
import { leaseKey } from './lease-store.js';
import { LEASE_MS } from './lease.js';
import { MemoryStore } from './memory-store.js';
import { RefreshAhead } from './refresh-ahead.js';

/** Most entries here have a tenth of it left. They must not expire during a test. */
const TTL_MS = 1_000_000;
const KEY = 'user_platforms:1';

function entryDueAt(refreshAtMs: number | null): DecodedEntry<unknown> {
  return { raw: '"old"', value: 'old', refreshAtMs };
}

describe('RefreshAhead', () => {
  let store: MemoryStore;
  let loads: number;
  const load = async () => {
    loads++;
    return { raw: '"new"', ttlMs: TTL_MS, readAtMs: performance.now() };
  };

  beforeEach(() => {
    store = new MemoryStore();
    loads = 0;
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('renews an entry that has lived past its point, through the lease', async () => {
    const ahead = new RefreshAhead(store);
    await store.set(KEY, '"old"', TTL_MS * 0.1);
    const entry = entryDueAt(performance.now() - 1);

    expect(ahead.isDue(entry)).toBe(true);
    ahead.refresh(entry, KEY, TTL_MS, load);

    await waitUntil(async () => (await store.get(KEY)) === '"new"', {
      timeoutMs: 15_000,
      what: 'the new value',
    });
    expect(loads).toBe(1);
    expect(await store.remainingMs(KEY)).toBeGreaterThan(TTL_MS * 0.9);
    expect(ahead.isDue(entry)).toBe(false);
  });

  it('stores nothing when a writer drops the entry while it is being renewed', async () => {
    const ahead = new RefreshAhead(store);
    await store.set(KEY, '"old"', TTL_MS * 0.1);
    let release!: () => void;
    const loaded = new Promise<void>((resolve) => {
      release = resolve;
    });
    const stored = jest.spyOn(store, 'store');
    ahead.refresh(entryDueAt(performance.now() - 1), KEY, TTL_MS, async () => {
      await loaded;
      return load();
    });
    await waitUntil(async () => (await store.get(leaseKey(KEY))) !== null, {
      timeoutMs: 15_000,
      what: 'the lease of the renewal',
    });

    await store.drop([KEY]);
    release();

    await waitUntil(() => stored.mock.results.length > 0, {
      timeoutMs: 15_000,
      what: 'the attempt to store',
    });
    expect(await stored.mock.results[0]?.value).toBe(false);
    expect(await store.get(KEY)).toBeNull();
  });

  it('leaves an entry alone that somebody else is renewing', async () => {
    const ahead = new RefreshAhead(store);
    await store.set(KEY, '"old"', TTL_MS * 0.1);
    await store.acquireRefresh(KEY, 'somebody', LEASE_MS);
    const entry = entryDueAt(performance.now() - 1);

    ahead.refresh(entry, KEY, TTL_MS, load);

    await waitUntil(() => entry.refreshAtMs !== Number.POSITIVE_INFINITY, {
      timeoutMs: 15_000,
      what: 'the decision',
    });
    expect(loads).toBe(0);
    expect(await store.get(KEY)).toBe('"old"');
  });

  it('learns from the store how old an entry is that another process has stored', async () => {
    const ahead = new RefreshAhead(store, () => 0);
    await store.set(KEY, '"old"', TTL_MS * 0.2);
    const entry = entryDueAt(null);

    ahead.refresh(entry, KEY, TTL_MS, load);

    await waitUntil(() => entry.refreshAtMs !== Number.POSITIVE_INFINITY, {
      timeoutMs: 15_000,
      what: 'the look',
    });
    // Four fifths of its TTL have passed; the earliest refresh is before half of it.
    expect(ahead.isDue(entry)).toBe(true);
    expect(loads).toBe(0);
  });

  it('draws the points of entries that were stored together from more than half of their life', () => {
    const ahead = new RefreshAhead(store);
    const now = performance.now();
    const points = Array.from({ length: 1000 }, () => (ahead.refreshTime(TTL_MS) - now) / TTL_MS);
    expect(Math.min(...points)).toBeGreaterThan(0.44);
    expect(Math.max(...points)).toBeLessThan(1);
    expect(Math.max(...points) - Math.min(...points)).toBeGreaterThan(0.5);
  });

  it('goes on with the old entry when the load fails', async () => {
    const ahead = new RefreshAhead(store);
    await store.set(KEY, '"old"', TTL_MS * 0.1);
    const entry = entryDueAt(performance.now() - 1);
    const logged = jest.spyOn(process.stdout, 'write').mockReturnValue(true);

    ahead.refresh(entry, KEY, TTL_MS, () => Promise.reject(new Error('no answer')));

    await waitUntil(() => entry.refreshAtMs !== Number.POSITIVE_INFINITY, {
      timeoutMs: 15_000,
      what: 'the failure',
    });
    logged.mockRestore();
    expect(await store.get(KEY)).toBe('"old"');
  });
});
