import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../../test/support/barrier.js';
import { connectRedis } from '../../test/support/connect-redis.js';
import { createTestRedis, type TestRedis } from '../../test/support/databases.js';
import { rawClient } from '../../test/support/raw-client.js';
import { newEntry, sealedEntries, sealedText, valueIn } from '../../test/support/sealed-entries.js';
import { CacheUnavailable, CorruptEntry } from './cache-errors.js';
import { type LeaseStore, leaseKey } from './lease-store.js';
import { MemoryStore } from './memory-store.js';
import { RedisHealth } from './redis/redis-health.js';
import { RedisStore } from './redis/redis-store.js';

const DEADLINE_MS = 5000;
const LEASE_MS = 60_000;
const TTL_MS = 3_600_000;
const KEY = 'user_platforms:1';
const RAW = '[{"id":1,"name":"Ünïcödé 🐘 日本語 \\u0000"}]';

/** The event loop does not turn meanwhile. */
function busyFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** The tests of every store. `open` returns an empty one. */
function describeLeaseStore(name: string, open: () => Promise<LeaseStore>): void {
  describe(`${name}, as every lease store`, () => {
    let store: LeaseStore;

    beforeEach(async () => {
      store = await open();
    });

    async function fill(key = KEY, raw = RAW, ttlMs = TTL_MS): Promise<void> {
      expect(await store.acquire(key, 'filler', LEASE_MS)).toEqual({ state: 'leased' });
      expect(await store.store(key, 'filler', newEntry(raw, ttlMs))).toBe(true);
    }

    it('has nothing where nothing was stored', async () => {
      expect(await store.get(KEY)).toBeNull();
      expect(await store.remainingMs(KEY)).toBe(0);
    });

    it.each([
      ['Unicode, escapes and control characters', RAW],
      ['an empty list', '[]'],
      ['null', 'null'],
      ['half a million characters of two bytes', `"${'é'.repeat(500_000)}"`],
    ])('gives back %s exactly as it was stored, to get and to acquire', async (_, raw) => {
      await fill(KEY, raw);
      expect((await store.get(KEY)) === raw).toBe(true);
      const acquired = await store.acquire(KEY, 'other', LEASE_MS);
      expect(acquired.state === 'filled' && acquired.raw === raw).toBe(true);
    });

    it('sets a value without a lease, over an old one, with its TTL', async () => {
      await fill();
      await store.set(KEY, '"new"', 10_000);
      expect(await store.get(KEY)).toBe('"new"');
      expect(await store.remainingMs(KEY)).toBeGreaterThan(1);
      expect(await store.remainingMs(KEY)).toBeLessThan(TTL_MS);
    });

    it('leases a missing key to one filler at a time', async () => {
      const tokens = ['one', 'two', 'three', 'four'];
      const acquired = await Promise.all(tokens.map((token) => store.acquire(KEY, token, LEASE_MS)));
      expect(acquired.map(({ state }) => state)).toEqual(['leased', 'busy', 'busy', 'busy']);
    });

    it('keeps the leases of different keys apart', async () => {
      expect(await store.acquire('platform:1', 'one', LEASE_MS)).toEqual({ state: 'leased' });
      expect(await store.acquire('platform:11', 'two', LEASE_MS)).toEqual({ state: 'leased' });
      expect(await store.store('platform:1', 'two', newEntry(RAW, TTL_MS))).toBe(false);
    });

    it('stores only under the token that holds the lease', async () => {
      await store.acquire(KEY, 'holder', LEASE_MS);
      expect(await store.store(KEY, 'intruder', newEntry('"wrong"', TTL_MS))).toBe(false);
      expect(await store.get(KEY)).toBeNull();
      expect(await store.store(KEY, 'holder', newEntry(RAW, TTL_MS))).toBe(true);
      expect(await store.get(KEY)).toBe(RAW);
    });

    it('refuses to store where nobody ever acquired, whatever the token', async () => {
      expect(await store.store(KEY, 'nobody', newEntry(RAW, TTL_MS))).toBe(false);
      expect(await store.store(KEY, '', newEntry(RAW, TTL_MS))).toBe(false);
      expect(await store.get(KEY)).toBeNull();
    });

    it('gives the lease back with the store: the same token stores once', async () => {
      await fill();
      expect(await store.store(KEY, 'filler', newEntry('"again"', TTL_MS))).toBe(false);
      expect(await store.get(KEY)).toBe(RAW);
    });

    it('drops value and lease together, so that a fill that began before stores nothing', async () => {
      await store.acquire(KEY, 'late', LEASE_MS);
      await store.drop([KEY]);
      expect(await store.store(KEY, 'late', newEntry('"old row"', TTL_MS))).toBe(false);
      expect(await store.get(KEY)).toBeNull();
    });

    it('refuses the late fill also when another filler has acquired since', async () => {
      await store.acquire(KEY, 'late', LEASE_MS);
      await store.drop([KEY]);
      expect(await store.acquire(KEY, 'next', LEASE_MS)).toEqual({ state: 'leased' });
      expect(await store.store(KEY, 'late', newEntry('"old row"', TTL_MS))).toBe(false);
      expect(await store.store(KEY, 'next', newEntry(RAW, TTL_MS))).toBe(true);
      expect(await store.get(KEY)).toBe(RAW);
    });

    it('drops every key it is given, those that are not there too, and no other', async () => {
      await fill('platform:1');
      await fill('platform:2');
      await fill('platform:3');
      await store.drop(['platform:1', 'platform:absent', 'platform:2']);
      await store.drop([]);
      expect(await store.get('platform:1')).toBeNull();
      expect(await store.get('platform:2')).toBeNull();
      expect(await store.get('platform:3')).toBe(RAW);
    });

    it('lets the next filler in when a lease expires, and refuses the one it belonged to', async () => {
      await store.acquire(KEY, 'dead', 30);
      const acquired = await waitUntil(
        async () => {
          const attempt = await store.acquire(KEY, 'next', LEASE_MS);
          return attempt.state === 'busy' ? null : attempt;
        },
        { timeoutMs: 15_000, what: 'the lease to expire', intervalMs: 5 },
      );
      expect(acquired).toEqual({ state: 'leased' });
      expect(await store.store(KEY, 'dead', newEntry('"old row"', TTL_MS))).toBe(false);
      expect(await store.store(KEY, 'next', newEntry(RAW, TTL_MS))).toBe(true);
    });

    it('counts the TTL in milliseconds and tells what is left of it', async () => {
      await fill(KEY, RAW, 3_599_123);
      const remainingMs = await store.remainingMs(KEY);
      expect(Math.floor(remainingMs)).toBeLessThanOrEqual(3_599_123);
      expect(remainingMs).toBeGreaterThan(3_599_123 - 100_000);
    });

    it('counts it while the process is busy, too', async () => {
      await fill('platform:1', RAW, 50);
      await store.get('platform:1'); // still there, unless the machine is busy too
      busyFor(60);
      expect(await store.get('platform:1')).toBeNull();
      await store.set(KEY, RAW, 10_000);
      expect(Math.floor(await store.remainingMs(KEY))).toBeLessThanOrEqual(10_000);
    });

    it('forgets a value when its TTL is over', async () => {
      await fill(KEY, RAW, 30);
      await waitUntil(async () => (await store.get(KEY)) === null, {
        timeoutMs: 15_000,
        what: 'the entry to expire',
        intervalMs: 5,
      });
      expect(await store.remainingMs(KEY)).toBe(0);
      expect(await store.acquire(KEY, 'next', LEASE_MS)).toEqual({ state: 'leased' });
    });

    it('starts a new TTL with each store', async () => {
      await fill(KEY, RAW, 5000);
      expect(await store.acquireRefresh(KEY, 'refresher', LEASE_MS)).toBe(true);
      await store.store(KEY, 'refresher', newEntry(RAW, TTL_MS));
      expect(await store.remainingMs(KEY)).toBeGreaterThan(5000);
    });

    it('leases a filled key to one refresher at a time, while the value stays readable', async () => {
      await fill();
      expect(await store.acquireRefresh(KEY, 'refresher', LEASE_MS)).toBe(true);
      expect(await store.acquireRefresh(KEY, 'another', LEASE_MS)).toBe(false);
      expect(await store.get(KEY)).toBe(RAW);
      expect(await store.store(KEY, 'refresher', newEntry('"new"', TTL_MS))).toBe(true);
      expect(await store.get(KEY)).toBe('"new"');
    });

    it('refuses a refresh that was dropped', async () => {
      await fill();
      await store.acquireRefresh(KEY, 'refresher', LEASE_MS);
      await store.drop([KEY]);
      expect(await store.store(KEY, 'refresher', newEntry('"old row"', TTL_MS))).toBe(false);
      expect(await store.get(KEY)).toBeNull();
    });

    it('refuses a refresh while somebody fills', async () => {
      await store.acquire(KEY, 'filler', LEASE_MS);
      expect(await store.acquireRefresh(KEY, 'refresher', LEASE_MS)).toBe(false);
    });
  });
}

describe('leaseKey', () => {
  it('hashes to the slot of the key that it leases', () => {
    expect(leaseKey('platform_stats:7:42')).toBe('lease:{platform_stats:7:42}');
  });
});

describe('MemoryStore', () => {
  describeLeaseStore('MemoryStore', async () => new MemoryStore());

  it('is bounded: the least recently used entry goes first', async () => {
    const store = new MemoryStore();
    const raw = 'x'.repeat(4 * 1024 * 1024);
    for (let id = 0; id < 20; id++) {
      await store.acquire(`platform:${id}`, 'filler', LEASE_MS);
      await store.store(`platform:${id}`, 'filler', newEntry(raw, TTL_MS));
      await store.get('platform:0');
    }
    expect(await store.get('platform:0')).not.toBeNull();
    expect(await store.get('platform:1')).toBeNull();
    expect(await store.get('platform:19')).not.toBeNull();
  });
});

describe('RedisStore', () => {
  let redis: TestRedis;
  let health: RedisHealth;
  let store: RedisStore;

  async function connect(): Promise<RedisHealth> {
    const connected = new RedisHealth(connectRedis(redis.url, DEADLINE_MS), {
      log: () => undefined,
      warn: () => undefined,
    });
    await connected.start();
    await waitUntil(() => connected.state === 'closed', { timeoutMs: 30_000, what: 'Redis to be in use' });
    return connected;
  }

  beforeAll(async () => {
    redis = await createTestRedis();
    health = await connect();
    store = new RedisStore(health.connection, health.breaker, DEADLINE_MS, sealedEntries(), '');
  });
  beforeEach(() => redis.flush());
  afterAll(() => health.stop());

  describeLeaseStore('RedisStore', async () => {
    await redis.flush();
    return store;
  });

  it('keeps keys and values literal: what redis-cli shows is the JSON text and the token', async () => {
    await store.acquire(KEY, 'filler', 5000);
    expect(await rawClient(health).get('lease:{user_platforms:1}')).toBe('filler');
    expect(await rawClient(health).pTTL('lease:{user_platforms:1}')).toBeGreaterThan(1000);
    await store.store(KEY, 'filler', newEntry(RAW, TTL_MS));
    expect(valueIn(await rawClient(health).get('user_platforms:1'))).toBe(RAW);
    expect(await rawClient(health).keys('*')).toEqual(['user_platforms:1']);
    expect(await rawClient(health).pTTL('user_platforms:1')).toBeGreaterThan(TTL_MS - 100_000);
  });

  it('leases to one of many processes only', async () => {
    const others = await Promise.all([1, 2, 3, 4, 5].map(connect));
    try {
      const acquired = await Promise.all(
        others.map((other, index) =>
          new RedisStore(other.connection, other.breaker, DEADLINE_MS, sealedEntries(), '').acquire(
            KEY,
            `process ${index}`,
            LEASE_MS,
          ),
        ),
      );
      expect(acquired.filter(({ state }) => state === 'leased')).toHaveLength(1);
      expect(acquired.filter(({ state }) => state === 'busy')).toHaveLength(4);
    } finally {
      await Promise.all(others.map((other) => other.stop()));
    }
  });

  it('calls an entry of another type by its name, on get and on acquire, and drops it like any other', async () => {
    await rawClient(health).rPush(KEY, 'a list');
    await expect(store.get(KEY)).rejects.toThrow(CorruptEntry);
    await expect(store.acquire(KEY, 'filler', LEASE_MS)).rejects.toThrow(CorruptEntry);
    expect(await rawClient(health).exists(leaseKey(KEY))).toBe(0);
    await store.drop([KEY]);
    expect(await store.get(KEY)).toBeNull();
  });

  it('treats a lease of another type as taken, and stores nothing under it', async () => {
    await rawClient(health).rPush(leaseKey(KEY), 'a list');
    expect(await store.acquire(KEY, 'filler', LEASE_MS)).toEqual({ state: 'busy' });
    await expect(store.store(KEY, 'filler', newEntry(RAW, TTL_MS))).rejects.toThrow(CorruptEntry);
    expect(await store.get(KEY)).toBeNull();
  });

  it('knows an entry without a TTL, which this application never makes, as one with no time left', async () => {
    await rawClient(health).set(KEY, sealedText(KEY, RAW));
    expect(await store.remainingMs(KEY)).toBe(0);
    expect(await store.get(KEY)).toBe(RAW);
  });

  it('loads its scripts again when the server has lost them', async () => {
    await store.acquire(KEY, 'filler', LEASE_MS);
    await rawClient(health).scriptFlush();
    expect(await store.store(KEY, 'filler', newEntry(RAW, TTL_MS))).toBe(true);
    await rawClient(health).scriptFlush();
    expect(await store.acquire(KEY, 'other', LEASE_MS)).toEqual({ state: 'filled', raw: RAW });
  });

  it('names an error reply as such, and does not open the breaker for it', async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      const failure = await store
        .store(KEY, 'filler', newEntry(RAW, TTL_MS))
        .catch((error: unknown) => error);
      expect(failure).toBe(false);
      await store.acquire(KEY, 'filler', LEASE_MS);
      await expect(store.store(KEY, 'filler', newEntry(RAW, -1))).rejects.toMatchObject({
        reason: 'redis-error',
      });
      await redis.flush();
    }
    expect(health.state).toBe('closed');
  });

  it('fails at once, as unavailable, when there is no connection', async () => {
    const away = new RedisHealth(connectRedis('redis://127.0.0.1:1/0', DEADLINE_MS), {
      log: () => undefined,
      warn: () => undefined,
    });
    const nowhere = new RedisStore(away.connection, away.breaker, DEADLINE_MS, sealedEntries(), '');
    const calls = [
      () => nowhere.get(KEY),
      () => nowhere.set(KEY, RAW, TTL_MS),
      () => nowhere.acquire(KEY, 'filler', LEASE_MS),
      () => nowhere.acquireRefresh(KEY, 'filler', LEASE_MS),
      () => nowhere.store(KEY, 'filler', newEntry(RAW, TTL_MS)),
      () => nowhere.drop([KEY]),
      () => nowhere.remainingMs(KEY),
    ];
    for (const call of calls) {
      const failure = await call().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(CacheUnavailable);
      expect(failure).toMatchObject({ reason: 'redis-unavailable' });
    }
    await away.breaker.stop();
  });
});
