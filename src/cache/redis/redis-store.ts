import { ErrorReply } from '@redis/client';
import type { Breaker } from '../breaker.js';
import { CacheUnavailable, CorruptEntry, whyOf } from '../cache-errors.js';
import { withDeadline } from '../deadline.js';
import { type Acquired, type LeaseStore, type NewEntry, leaseKey } from '../lease-store.js';
import type { SealedEntries } from '../sealed-entries.js';
import { MAX_SEALED_BYTES, type RedisClient } from './redis-client.js';
import type { RedisConnection } from './redis-connection.js';

const DROP_BATCH = 500;

/** Leases and sealed values in Redis. Every call has a deadline, and its outcome is reported to the breaker. */
export class RedisStore implements LeaseStore {
  constructor(
    private readonly connection: RedisConnection,
    private readonly breaker: Breaker,
    private readonly deadlineMs: number,
    private readonly entries: SealedEntries,
    /** Before each key. */
    private readonly prefix: string,
  ) {}

  get(key: string): Promise<string | null> {
    // GETRANGE, not GET: reading one byte past the limit is enough to reject an oversized entry.
    const name = this.prefix + key;
    return this.call((client) => client.getRange(name, 0, MAX_SEALED_BYTES)).then((sealed) =>
      sealed ? this.entries.open(name, sealed) : null,
    );
  }

  async set(key: string, raw: string, ttlMs: number): Promise<void> {
    const name = this.prefix + key;
    const sealed = this.entries.seal(name, { raw, ttlMs, readAtMs: performance.now() });
    await this.call((client) => client.set(name, sealed, { expiration: { type: 'PX', value: ttlMs } }));
  }

  async acquire(key: string, token: string, leaseMs: number): Promise<Acquired> {
    const name = this.prefix + key;
    const [state, sealed] = await this.call((client) => client.acquire(name, leaseKey(name), token, leaseMs));
    if (sealed !== undefined) return { state: 'filled', raw: this.entries.open(name, sealed) };
    return { state: state === 2 ? 'leased' : 'busy' };
  }

  async acquireRefresh(key: string, token: string, leaseMs: number): Promise<boolean> {
    const reply = await this.call((client) =>
      client.set(leaseKey(this.prefix + key), token, {
        condition: 'NX',
        expiration: { type: 'PX', value: leaseMs },
      }),
    );
    return reply === 'OK';
  }

  store(key: string, token: string, entry: NewEntry): Promise<boolean> {
    const name = this.prefix + key;
    const sealed = this.entries.seal(name, entry);
    return this.call((client) => client.storeLeased(name, leaseKey(name), token, sealed, entry.ttlMs));
  }

  async release(key: string, token: string): Promise<void> {
    await this.call((client) => client.releaseLease(leaseKey(this.prefix + key), token));
  }

  async drop(keys: readonly string[]): Promise<void> {
    const names = keys.map((key) => this.prefix + key);
    // Before the first is gone: what is stored again after that was read later.
    this.entries.outdate(names);
    // One command per key, because in a cluster the keys lie in different slots. They still travel in one pipeline.
    // In batches: of thousands of commands, the last would miss its deadline before it is sent.
    for (let start = 0; start < names.length; start += DROP_BATCH) {
      const batch = names.slice(start, start + DROP_BATCH);
      await Promise.all(batch.map((name) => this.call((client) => client.del([name, leaseKey(name)]))));
    }
  }

  outdate(keys: readonly string[], atMs: number): void {
    this.entries.outdate(
      keys.map((key) => this.prefix + key),
      atMs,
    );
  }

  outdateAll(): void {
    this.entries.outdateAll();
  }

  async remainingMs(key: string): Promise<number> {
    return Math.max(0, await this.call((client) => client.pTTL(this.prefix + key)));
  }

  private call<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    let sent: Promise<T>;
    try {
      sent = command(this.connection.client);
    } catch (error) {
      sent = Promise.reject(error as Error);
    }
    // No async function here: one costs a hit more time than the rest of this code.
    return withDeadline(sent, this.deadlineMs).then(this.#succeeded, this.#failed);
  }

  readonly #succeeded = <T>(value: T): T => {
    this.connection.replied();
    this.breaker.succeeded();
    return value;
  };

  readonly #failed = (error: unknown): never => {
    if (error instanceof ErrorReply) this.connection.replied(error);
    const classified = classify(error);
    this.breaker.failed(classified);
    throw classified;
  };
}

function classify(error: unknown): Error {
  if (error instanceof CacheUnavailable) return error;
  if (error instanceof ErrorReply) {
    if (error.message.includes('WRONGTYPE')) return new CorruptEntry('not a string');
    return new CacheUnavailable('redis-error', error.message, { cause: error });
  }
  return new CacheUnavailable('redis-unavailable', whyOf(error), { cause: error });
}
