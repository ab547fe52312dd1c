import type { Breaker } from '../breaker.js';
import { withDeadline } from '../deadline.js';
import type { SlotStore } from '../slot-store.js';
import type { RedisConnection } from './redis-connection.js';

/** KEYS: places. ARGV: member, number of places, lease in milliseconds. By Redis's clock, which all processes share. */
const ENTER = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    return 0
  end
  redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1`;

/** Uses the cache's own connection and breaker. */
export class RedisSlotStore implements SlotStore {
  constructor(
    private readonly connection: RedisConnection,
    private readonly breaker: Breaker,
    private readonly deadlineMs: number,
    /** Before each key. */
    private readonly prefix: string,
  ) {}

  async enter(key: string, member: string, max: number, leaseMs: number): Promise<boolean | null> {
    const options = { keys: [this.prefix + key], arguments: [member, String(max), String(leaseMs)] };
    const entered = await this.run(() => this.connection.client.eval(ENTER, options));
    return entered === null ? null : entered === 1;
  }

  async leave(key: string, member: string): Promise<void> {
    const options = { keys: [this.prefix + key], arguments: [member] };
    await this.run(() => this.connection.client.eval(`return redis.call('ZREM', KEYS[1], ARGV[1])`, options));
  }

  private async run(command: () => Promise<unknown>): Promise<unknown> {
    if (this.breaker.state !== 'closed') return null;
    try {
      return await this.breaker.run(() => withDeadline(command(), this.deadlineMs));
    } catch {
      // The breaker has recorded the failure. The caller goes on with the places of this process alone.
      return null;
    }
  }
}
