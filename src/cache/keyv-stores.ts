import { KeyvAdapter } from 'cache-manager';
import { redisInsStore } from 'cache-manager-redis-yet';
import { Keyv, type KeyvStoreAdapter, type StoredData } from 'keyv';
import { withDeadline } from './deadline.js';
import type { LeaseStore } from './lease-store.js';
import type { MemoryStore } from './memory-store.js';
import type { RedisConnection } from './redis/redis-connection.js';

/** What cache-manager's stores of ours have beside Keyv's interface: the store with leases that lies below. */
export interface LeasingAdapter extends KeyvStoreAdapter {
  readonly leases: LeaseStore;
}

/**
 * Keyv wraps values as `{value, expires}` and prefixes keys; expiry by the client's clock turns live entries into
 * misses when that clock is wrong. Here Redis alone holds the TTL, and keys and values stay literal: plain JSON.
 */
class LiteralRedisAdapter extends KeyvAdapter implements LeasingAdapter {
  constructor(
    connection: RedisConnection,
    readonly leases: LeaseStore,
    deadlineMs: number,
  ) {
    // The two commands that are left to the store; its types are of redis 4, where they are the same.
    const commands = {
      get: (key: string) => leases.get(key),
      set: async (key: string, value: string, options?: { PX: number }) =>
        withDeadline(connection.client.set(key, value, options), deadlineMs),
    };
    super(redisInsStore(commands as unknown as Parameters<typeof redisInsStore>[0]) as never);
  }

  override async get<T>(key: string): Promise<StoredData<T> | undefined> {
    const value = await super.get<T>(key);
    return value === undefined ? undefined : ({ value } as StoredData<T>);
  }

  override set(key: string, data: { value: unknown }, ttlMs?: number): Promise<boolean> {
    return super.set(key, data.value, ttlMs);
  }

  override async getMany<T>(keys: string[]): Promise<StoredData<T | undefined>[]> {
    return Promise.all(keys.map(async (key) => (await this.get<T>(key)) as StoredData<T | undefined>));
  }

  /** With its lease, so that whoever is filling it stores nothing. */
  override async delete(key: string): Promise<boolean> {
    await this.leases.drop([key]);
    return true;
  }

  override async deleteMany(keys: string[]): Promise<boolean> {
    await this.leases.drop(keys);
    return true;
  }

  /** Never FLUSHDB: other programs may keep their keys in the same database. */
  override clear(): Promise<void> {
    return Promise.reject(new Error('The cache is dropped by key, never as a whole.'));
  }
}

class MemoryAdapter implements LeasingAdapter {
  readonly opts = {};

  constructor(readonly leases: MemoryStore) {}

  async get<T>(key: string): Promise<StoredData<T> | undefined> {
    const raw = await this.leases.get(key);
    return raw === null ? undefined : ({ value: JSON.parse(raw) as T } as StoredData<T>);
  }

  set(key: string, data: { value: unknown }, ttlMs = 60_000): Promise<void> {
    return this.leases.set(key, JSON.stringify(data.value), ttlMs);
  }

  async delete(key: string): Promise<boolean> {
    const existed = (await this.leases.get(key)) !== null;
    await this.leases.drop([key]);
    return existed;
  }

  clear(): Promise<void> {
    return Promise.reject(new Error('The cache is dropped by key, never as a whole.'));
  }

  on(): this {
    return this;
  }
}

function literalKeyv(store: LeasingAdapter): Keyv {
  const keyv = new Keyv({ store, useKeyPrefix: false, throwOnErrors: true });
  keyv.serialize = undefined;
  keyv.deserialize = undefined;
  return keyv;
}

/** @param deadlineMs of a `set`; the other calls have that of `leases`. */
export function redisKeyv(connection: RedisConnection, leases: LeaseStore, deadlineMs: number): Keyv {
  return literalKeyv(new LiteralRedisAdapter(connection, leases, deadlineMs));
}

export function memoryKeyv(leases: MemoryStore): Keyv {
  return literalKeyv(new MemoryAdapter(leases));
}
