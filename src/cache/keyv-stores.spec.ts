import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CACHE_MANAGER, type Cache } from '@nestjs/cache-manager';
import { Test, type TestingModule } from '@nestjs/testing';
import { waitUntil } from '../../test/support/barrier.js';
import { createTestRedis } from '../../test/support/databases.js';
import { rawClient } from '../../test/support/raw-client.js';
import { newEntry, testInstallation, valueIn } from '../../test/support/sealed-entries.js';
import { CommonModule } from '../common/common.module.js';
import { Installation } from '../common/installation.js';
import { AppConfig } from '../config/app-config.js';
import { ConfigModule } from '../config/config.module.js';
import { environmentSchema } from '../config/environment.js';
import { CryptoModule } from '../crypto/crypto.module.js';
import { FernetKey } from '../crypto/fernet.js';
import { CacheHealth } from './cache-health.js';
import { CacheModule } from './cache.module.js';
import { LeaseStore, leaseKey } from './lease-store.js';
import { MemoryStore } from './memory-store.js';
import { MARK_KEY } from './redis/installation-mark.js';
import type { RedisHealth } from './redis/redis-health.js';
import { RedisStore } from './redis/redis-store.js';

const KEY = 'user_platforms:42';
const VALUE = [{ id: 1, name: 'Ünïcödé 🐘', username: null }];
const TTL_MS = 3_600_000;

/** The application's own modules, with or without a REDIS_URL. */
async function startCache(redisUrl?: string): Promise<TestingModule> {
  const environment = environmentSchema.parse({ REDIS_URL: redisUrl, REDIS_COMMAND_TIMEOUT_MS: '5000' });
  const config = new AppConfig(environment, { encryptionKeys: FernetKey.generate(), jwtSecret: 'unused' });
  const module = await Test.createTestingModule({
    imports: [ConfigModule.forRoot(config), CommonModule, CryptoModule, CacheModule],
  })
    .overrideProvider(Installation)
    .useValue(testInstallation)
    .compile();
  module.useLogger(false);
  await module.init();
  const health = module.get(CacheHealth);
  await waitUntil(() => health.state === 'closed', { timeoutMs: 30_000, what: 'the cache to be in use' });
  return module;
}

describe.each([
  ['Redis', async () => startCache((await createTestRedis()).url)],
  ['memory', () => startCache()],
])('CACHE_MANAGER over %s', (_, start) => {
  let module: TestingModule;
  let cache: Cache;
  let leases: LeaseStore;

  beforeEach(async () => {
    module = await start();
    cache = module.get<Cache>(CACHE_MANAGER);
    leases = module.get(LeaseStore);
  });
  afterEach(() => module.close());

  it('keeps the key literal and the value plain JSON, with the TTL in milliseconds', async () => {
    await cache.set(KEY, VALUE, TTL_MS);
    expect(await leases.get(KEY)).toBe(JSON.stringify(VALUE));
    expect(await leases.get(`keyv:${KEY}`)).toBeNull();
    expect(await leases.remainingMs(KEY)).toBeGreaterThan(TTL_MS - 100_000);
    expect(Math.floor(await leases.remainingMs(KEY))).toBeLessThanOrEqual(TTL_MS);
  });

  it('reads what the cache service stored, and writes what it can read', async () => {
    await leases.acquire(KEY, 'filler', 5000);
    await leases.store(KEY, 'filler', newEntry(JSON.stringify(VALUE), TTL_MS));
    expect(await cache.get(KEY)).toEqual(VALUE);

    await cache.set('user_platforms:43', [], TTL_MS);
    expect(await leases.acquire('user_platforms:43', 'filler', 5000)).toEqual({ state: 'filled', raw: '[]' });
  });

  it.each([
    ['a list', []],
    ['an object', { totalPosts: 1 }],
    ['a text', 'text'],
    ['zero', 0],
    ['false', false],
  ])('gives back %s', async (_what, value) => {
    await cache.set(KEY, value, TTL_MS);
    expect(await leases.get(KEY)).toBe(JSON.stringify(value));
    expect(await cache.get(KEY)).toEqual(value);
  });

  it('has undefined where there is nothing', async () => {
    expect(await cache.get(KEY)).toBeUndefined();
  });

  it('reads several keys, in order, with gaps', async () => {
    await cache.set('platform:1', { id: 1 }, TTL_MS);
    await cache.set('platform:3', { id: 3 }, TTL_MS);
    expect(await cache.mget(['platform:1', 'platform:2', 'platform:3'])).toEqual([
      { id: 1 },
      undefined,
      { id: 3 },
    ]);
  });

  it('deletes by key', async () => {
    await cache.set(KEY, VALUE, TTL_MS);
    await cache.set('user_platforms:43', VALUE, TTL_MS);
    await cache.del(KEY);
    expect(await leases.get(KEY)).toBeNull();
    expect(await leases.get('user_platforms:43')).not.toBeNull();
  });

  it('refuses a fill that was under way when its key was deleted', async () => {
    await leases.acquire(KEY, 'filler', 5000);
    await cache.del(KEY);
    expect(await leases.store(KEY, 'filler', newEntry('"old row"', TTL_MS))).toBe(false);
  });

  it('refuses to be cleared as a whole, and still has everything then', async () => {
    await cache.set(KEY, VALUE, TTL_MS);
    await expect(cache.clear()).rejects.toThrow('The cache is dropped by key');
    expect(await cache.get(KEY)).toEqual(VALUE);
  });

  it('forgets an entry when its TTL is over, by the clock of the store', async () => {
    await cache.set(KEY, VALUE, 30);
    await waitUntil(async () => (await leases.get(KEY)) === null, {
      timeoutMs: 15_000,
      what: 'the entry to expire',
    });
    expect(await cache.get(KEY)).toBeUndefined();
  });
});

describe('CACHE_MANAGER over Redis', () => {
  let module: TestingModule;

  beforeEach(async () => {
    module = await startCache((await createTestRedis()).url);
  });
  afterEach(() => module.close());

  it('is the one connection that the leases use: Redis holds literal keys and its own PTTL', async () => {
    const health = module.get<RedisHealth>(CacheHealth);
    expect(module.get(LeaseStore)).toBeInstanceOf(RedisStore);
    await module.get<Cache>(CACHE_MANAGER).set(KEY, VALUE, TTL_MS);
    expect((await rawClient(health).keys('*')).sort()).toEqual([MARK_KEY, KEY]);
    expect(valueIn(await rawClient(health).get(KEY))).toBe(JSON.stringify(VALUE));
    const remainingMs = await rawClient(health).pTTL(KEY);
    expect(remainingMs).toBeGreaterThan(TTL_MS - 100_000);
    expect(remainingMs).toBeLessThanOrEqual(TTL_MS);
  });

  it('does not expire an entry by the clock of this process', async () => {
    const cache = module.get<Cache>(CACHE_MANAGER);
    const health = module.get<RedisHealth>(CacheHealth);
    const isKept = async (): Promise<boolean> => {
      await cache.set(KEY, VALUE, 50);
      return (await rawClient(health).persist(KEY)) === 1;
    };
    await waitUntil(isKept, { timeoutMs: 15_000, what: 'the entry to be kept before Redis lets it expire' });
    const until = performance.now() + 60;
    while (performance.now() < until) await cache.get(KEY);
    expect(await cache.get(KEY)).toEqual(VALUE);
  });

  it('leaves the keys of other programs alone', async () => {
    const health = module.get<RedisHealth>(CacheHealth);
    await rawClient(health).mSet({ theirs: 'untouched', [leaseKey(KEY)]: 'token' });
    await expect(module.get<Cache>(CACHE_MANAGER).clear()).rejects.toThrow();
    expect(await rawClient(health).get('theirs')).toBe('untouched');
  });

  it('closes its connection with the application', async () => {
    const health = module.get<RedisHealth>(CacheHealth);
    const client = rawClient(health);
    expect(client.isReady).toBe(true);
    await module.close();
    expect(client.isOpen).toBe(false);
  });
});

describe('CACHE_MANAGER over memory', () => {
  it('is the store that the leases use', async () => {
    const module = await startCache();
    expect(module.get(LeaseStore)).toBeInstanceOf(MemoryStore);
    await module.close();
  });
});
