import { ErrorReply } from '@redis/client';
import type { Breaker } from '../breaker.js';
import { CacheUnavailable, WrongTypeEntry, whyOf } from '../cache-errors.js';
import { withDeadline } from '../deadline.js';
import type { Acquired, LeaseStore } from '../lease-store.js';
import { MAX_ENTRY_BYTES, leaseKey } from '../lease-store.js';
import type { RedisClient } from './redis-client.js';
import type { RedisConnection } from './redis-connection.js';

const DROP_BATCH = 500;

/** Leases and raw values in Redis. Every call has a deadline, and its outcome is reported to the breaker. */
export class RedisStore implements LeaseStore {
  constructor(
    private readonly connection: RedisConnection,
    private readonly breaker: Breaker,
    private readonly deadlineMs: number,
  ) {}

  get(key: string): Promise<string | null> {
    // GETRANGE, not GET: reading one byte past the limit is enough to reject an oversized entry.
    return this.call((client) => client.getRange(key, 0, MAX_ENTRY_BYTES)).then((raw) => raw || null);
  }

  async set(key: string, raw: string, ttlMs?: number): Promise<void> {
    const options = ttlMs === undefined ? undefined : { expiration: { type: 'PX', value: ttlMs } as const };
    await this.call((client) => client.set(key, raw, options));
  }

  async acquire(key: string, token: string, leaseMs: number): Promise<Acquired> {
    const [state, raw] = await this.call((client) => client.acquire(key, leaseKey(key), token, leaseMs));
    if (raw !== undefined) return { state: 'filled', raw };
    return { state: state === 2 ? 'leased' : 'busy' };
  }

  async acquireRefresh(key: string, token: string, leaseMs: number): Promise<boolean> {
    const reply = await this.call((client) =>
      client.set(leaseKey(key), token, {
        condition: 'NX',
        expiration: { type: 'PX', value: leaseMs },
      }),
    );
    return reply === 'OK';
  }

  store(key: string, token: string, raw: string, ttlMs: number): Promise<boolean> {
    return this.call((client) => client.storeLeased(key, leaseKey(key), token, raw, ttlMs));
  }

  async release(key: string, token: string): Promise<void> {
    await this.call((client) => client.releaseLease(leaseKey(key), token));
  }

  async drop(keys: readonly string[]): Promise<void> {
    // One command per key, because in a cluster the keys lie in different slots. They still travel in one pipeline.
    // In batches: of thousands of commands, the last would miss its deadline before it is sent.
    for (let start = 0; start < keys.length; start += DROP_BATCH) {
      const batch = keys.slice(start, start + DROP_BATCH);
      await Promise.all(batch.map((key) => this.call((client) => client.del([key, leaseKey(key)]))));
    }
  }

  async remainingMs(key: string): Promise<number> {
    return Math.max(0, await this.call((client) => client.pTTL(key)));
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
    if (error.message.includes('WRONGTYPE')) return new WrongTypeEntry();
    return new CacheUnavailable('redis-error', error.message, { cause: error });
  }
  return new CacheUnavailable('redis-unavailable', whyOf(error), { cause: error });
}
