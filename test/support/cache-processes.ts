import { afterAll, afterEach, beforeAll, beforeEach, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { CacheSpec } from '../../src/cache/cache-spec.js';
import { CacheService } from '../../src/cache/cache.service.js';
import type { LeaseStore } from '../../src/cache/lease-store.js';
import { RedisHealth } from '../../src/cache/redis/redis-health.js';
import { RedisStore } from '../../src/cache/redis/redis-store.js';
import { SelfAudit } from '../../src/cache/self-audit.js';
import { waitUntil } from './barrier.js';
import { connectRedis } from './connect-redis.js';
import { createTestRedis, type TestRedis } from './databases.js';
import { sealedEntries } from './sealed-entries.js';

// Far above what a loaded machine needs, for nothing here is about time-outs.
export const DEADLINE_MS = 5000;
export const ID = 7;
export const KEY = 'platform:7';

export interface Entry {
  readonly id: number;
  readonly name: string;
}

export const OLD: Entry = { id: ID, name: 'Ünïcödé 🐘 before' };
export const NEW: Entry = { id: ID, name: 'Ünïcödé 🐘 after' };

export const decode = jest.fn((raw: string, id: number): Entry | null => {
  const entry = JSON.parse(raw) as Entry | null;
  if (entry !== null && entry.id !== id) throw new Error('The entry is of another platform');
  return entry;
});

export const spec: CacheSpec<number, Entry | null> = {
  resource: 'platform',
  key: (id) => `platform:${id}`,
  ttlSeconds: (entry) => (entry === null ? 30 : 3600),
  encode: (entry) => JSON.stringify(entry),
  fingerprint: (entry) => JSON.stringify(entry),
  decode,
};

export const always = (entry: Entry | null) => jest.fn(() => Promise.resolve(entry));
export const failing = (message: string) => jest.fn(() => Promise.reject<Entry>(new Error(message)));

type Wrap = (store: RedisStore, health: RedisHealth) => LeaseStore;

/** What one process of the API has. */
interface CacheProcess {
  readonly health: RedisHealth;
  readonly store: LeaseStore;
  readonly service: CacheService;
}

/** Processes on a Redis of this spec file, which is empty at each test. */
export class CacheProcesses {
  readonly #healths: RedisHealth[] = [];
  #redis: TestRedis | undefined;

  constructor() {
    beforeAll(async () => {
      Logger.overrideLogger(false);
      this.#redis = await createTestRedis();
    });
    afterAll(() => Logger.overrideLogger(['log', 'warn', 'error']));
    beforeEach(async () => {
      await this.redis.flush();
      decode.mockClear();
    });
    afterEach(async () => {
      await Promise.all(this.#healths.splice(0).map((health) => health.stop()));
    });
  }

  get redis(): TestRedis {
    if (this.#redis === undefined) throw new Error('Redis has not been started');
    return this.#redis;
  }

  /** @param wrap puts faults between its service and its store. */
  async start(wrap: Wrap = (store) => store): Promise<CacheProcess> {
    const health = new RedisHealth(connectRedis(this.redis.url, DEADLINE_MS), {
      log: () => undefined,
      warn: () => undefined,
    });
    this.#healths.push(health);
    await health.start();
    await waitUntil(() => health.state === 'closed', { timeoutMs: 30_000, what: 'Redis to be in use' });
    const store = wrap(
      new RedisStore(health.connection, health.breaker, DEADLINE_MS, sealedEntries(), ''),
      health,
    );
    return { health, store, service: new CacheService(store, health, new SelfAudit(store)) };
  }
}

/** The store with some of its methods replaced. */
export const withFaults =
  (faults: (store: RedisStore, health: RedisHealth) => Partial<LeaseStore>): Wrap =>
  (store, health) => {
    const replaced: Partial<LeaseStore> = faults(store, health);
    return new Proxy<LeaseStore>(store, {
      get: (target, name: keyof LeaseStore) => replaced[name] ?? target[name].bind(target),
    });
  };
