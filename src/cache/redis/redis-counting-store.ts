import type { Breaker } from '../breaker.js';
import type { Counted, CountingStore } from '../counting-store.js';
import { withDeadline } from '../deadline.js';
import type { RedisConnection } from './redis-connection.js';

/** Adds, and starts a window if none is running. KEYS: counter. ARGV: count, window in milliseconds. */
const ADD = `
  local total = redis.call('INCRBY', KEYS[1], ARGV[1])
  local remaining = redis.call('PTTL', KEYS[1])
  if remaining < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    remaining = tonumber(ARGV[2])
  end
  return {total, remaining}`;

/** Uses the cache's own connection, so that counts travel in one pipeline with reads, and the same breaker. */
export class RedisCountingStore implements CountingStore {
  constructor(
    private readonly connection: RedisConnection,
    private readonly breaker: Breaker,
    private readonly deadlineMs: number,
    /** Before each key. */
    private readonly prefix: string,
  ) {}

  async add(key: string, count: number, windowMs: number): Promise<Counted | null> {
    if (this.breaker.state !== 'closed') return null;
    try {
      const options = { keys: [this.prefix + key], arguments: [String(count), String(windowMs)] };
      const reply = await this.breaker.run(() =>
        withDeadline(this.connection.client.eval(ADD, options), this.deadlineMs),
      );
      const [total, remainingMs] = reply as [number, number];
      return { total, remainingMs };
    } catch {
      // The breaker has recorded the failure. The caller goes on counting in this process alone.
      return null;
    }
  }
}
