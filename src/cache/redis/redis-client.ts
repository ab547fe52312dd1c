import { createClient, defineScript } from 'redis';
import { MAX_ENTRY_BYTES } from '../lease-store.js';

/**
 * Acquire, in one script: between a GET and a SET by two commands another process could fill and be dropped again,
 * and this one would load a second time. KEYS: entry, lease. ARGV: token, lease in milliseconds.
 */
const acquire = defineScript({
  NUMBER_OF_KEYS: 2,
  SCRIPT: `
    local raw = redis.call('GETRANGE', KEYS[1], 0, ${MAX_ENTRY_BYTES})
    if raw ~= '' then return {1, raw} end
    if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {2} end
    return {0}`,
  parseCommand(parser, key: string, lease: string, token: string, leaseMs: number) {
    parser.pushKeys([key, lease]);
    parser.push(token, String(leaseMs));
  },
  transformReply: (reply: unknown): readonly [number, string?] => reply as [number, string?],
});

/** Store only while the lease holds this token, and give it back. KEYS: entry, lease. ARGV: token, text, TTL in ms. */
const storeLeased = defineScript({
  NUMBER_OF_KEYS: 2,
  SCRIPT: `
    if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    redis.call('DEL', KEYS[2])
    return 1`,
  parseCommand(parser, key: string, lease: string, token: string, raw: string, ttlMs: number) {
    parser.pushKeys([key, lease]);
    parser.push(token, raw, String(ttlMs));
  },
  transformReply: (reply: unknown): boolean => reply === 1,
});

/** Give a lease back only while it holds this token. KEYS: lease. ARGV: token. */
const releaseLease = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: `
    if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
    return 0`,
  parseCommand(parser, lease: string, token: string) {
    parser.pushKey(lease);
    parser.push(token);
  },
  transformReply: (): void => undefined,
});

const RECONNECT_MS = 200;
export const CONNECT_TIMEOUT_MS = 1000;

/**
 * What every client of the cache has, also those of a cluster's nodes.
 *
 * The client's own command time-out is off (it makes an AbortSignal per command and cannot stop one that was sent);
 * withDeadline bounds each call. Pings end a connection whose server hangs; without the offline queue a command never
 * waits for a reconnection. Measurements: toolchain notes in the issue tracker's shared folder.
 */
export const CLIENT_OPTIONS = {
  RESP: 2,
  scripts: { acquire, storeLeased, releaseLease },
  commandOptions: { timeout: undefined },
} as const;

export const NODE_OPTIONS = {
  commandsQueueMaxLength: 100_000,
  disableOfflineQueue: true,
  pingInterval: 1000,
} as const;

export const SOCKET_OPTIONS = {
  connectTimeout: CONNECT_TIMEOUT_MS,
  // The deadline and the breaker deal with a server that hangs; this only ends its connection. Short, it would end
  // healthy ones whenever this process is busy for as long.
  socketTimeout: 5000,
} as const;

/** One connection for the whole process; commands are pipelined on it. Not connected yet. */
export function createRedisClient(url: string, reconnects = true) {
  return createClient({
    url,
    ...CLIENT_OPTIONS,
    ...NODE_OPTIONS,
    socket: { ...SOCKET_OPTIONS, reconnectStrategy: reconnects && (() => RECONNECT_MS) },
  });
}

/** A connection to one server. */
export type RedisNode = ReturnType<typeof createRedisClient>;

/** What the cache asks of Redis, be it one server or a cluster. */
export type RedisCommands = Pick<
  RedisNode,
  'acquire' | 'storeLeased' | 'releaseLease' | 'get' | 'getRange' | 'set' | 'del' | 'pTTL' | 'eval' | 'dbSize'
>;
