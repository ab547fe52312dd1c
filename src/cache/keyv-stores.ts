import { KeyvAdapter } from 'cache-manager';
import { redisInsStore } from 'cache-manager-redis-yet';
import { Keyv, type KeyvStoreAdapter, type StoredData } from 'keyv';
import type { LeaseStore } from './lease-store.js';

const DEFAULT_TTL_MS = 60_000;

/**
 * Keyv wraps values as `{value, expires}`, prefixes keys, and expires entries by the clock of this process: a wrong clock
 * turns live entries into misses. Here Redis alone holds the TTL, keys stay literal, and values stay plain JSON.
 */
class LiteralRedisAdapter extends KeyvAdapter {
  constructor(private readonly leases: LeaseStore) {
    // The only two commands that the adapter below leaves to redisInsStore. Its types are those of redis 4.
    const commands = {
      get: (key: string) => leases.get(key),
      set: (key: string, raw: string, options?: { PX: number }) =>
        leases.set(key, raw, options?.PX ?? DEFAULT_TTL_MS),
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

  /** Drops the lease too, so that a process that is filling the entry stores nothing. */
  override async delete(key: string): Promise<boolean> {
    await this.leases.drop([key]);
    return true;
  }

  override async deleteMany(keys: string[]): Promise<boolean> {
    await this.leases.drop(keys);
    return true;
  }

  /** Never FLUSHDB: other programs may keep keys in the same database. */
  override clear(): Promise<void> {
    return refuseToClear();
  }
}

class MemoryAdapter implements KeyvStoreAdapter {
  readonly opts = {};

  constructor(private readonly leases: LeaseStore) {}

  async get<T>(key: string): Promise<StoredData<T> | undefined> {
    const raw = await this.leases.get(key);
    return raw === null ? undefined : ({ value: JSON.parse(raw) as T } as StoredData<T>);
  }

  set(key: string, data: { value: unknown }, ttlMs = DEFAULT_TTL_MS): Promise<void> {
    return this.leases.set(key, JSON.stringify(data.value), ttlMs);
  }

  async delete(key: string): Promise<boolean> {
    const existed = (await this.leases.get(key)) !== null;
    await this.leases.drop([key]);
    return existed;
  }

  clear(): Promise<void> {
    return refuseToClear();
  }

  on(): this {
    return this;
  }
}

function refuseToClear(): Promise<never> {
  return Promise.reject(new Error('The cache is dropped by key, never as a whole.'));
}

function literalKeyv(store: KeyvStoreAdapter): Keyv {
  const keyv = new Keyv({ store, useKeyPrefix: false, throwOnErrors: true });
  keyv.serialize = undefined;
  keyv.deserialize = undefined;
  return keyv;
}

export function redisKeyv(leases: LeaseStore): Keyv {
  return literalKeyv(new LiteralRedisAdapter(leases));
}

export function memoryKeyv(leases: LeaseStore): Keyv {
  return literalKeyv(new MemoryAdapter(leases));
}
