import { withDeadline } from '../cache/deadline.js';
import type { RedisLink } from '../cache/redis/redis-link.js';

export interface Counted {
  /** Of all processes, in the current window. */
  readonly total: number;
  readonly remainingMs: number;
}

/** Counts that all processes share. */
export interface CountingStore {
  /** Null when the store cannot be asked; nobody waits longer than a cache command may take. */
  add(key: string, count: number, windowMs: number): Promise<Counted | null>;
}

/** Add, and begin a window where there is none. KEYS: counter. ARGV: count, window in milliseconds. */
const ADD = `
  local total = redis.call('INCRBY', KEYS[1], ARGV[1])
  local remaining = redis.call('PTTL', KEYS[1])
  if remaining < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    remaining = tonumber(ARGV[2])
  end
  return {total, remaining}`;

/** On the cache's own connection, so that counts travel in one pipeline with reads, and behind the same breaker. */
export class RedisCountingStore implements CountingStore {
  constructor(
    private readonly link: RedisLink,
    private readonly deadlineMs: number,
  ) {}

  async add(key: string, count: number, windowMs: number): Promise<Counted | null> {
    if (this.link.state !== 'closed') return null;
    try {
      const options = { keys: [key], arguments: [String(count), String(windowMs)] };
      const reply = await this.link.breaker.run(() =>
        withDeadline(this.link.client.eval(ADD, options), this.deadlineMs),
      );
      const [total, remainingMs] = reply as [number, number];
      return { total, remainingMs };
    } catch {
      // The breaker has heard of it. Counting goes on in this process alone.
      return null;
    }
  }
}
