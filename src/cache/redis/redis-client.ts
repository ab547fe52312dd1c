import { RedisClient as Client, defineScript } from '@redis/client';
import { MAX_ENTRY_BYTES } from '../lease-store.js';

/** A value and its authentication. One byte more is read: enough to refuse a larger text. */
export const MAX_SEALED_BYTES = MAX_ENTRY_BYTES + 1024;

/**
 * Returns the entry, or takes the lease. One script, because between a GET and a SET another process could fill the
 * entry and give its lease back; this process would then load a second time.
 * KEYS: entry, lease. ARGV: token, lease in milliseconds.
 */
const acquire = defineScript({
  NUMBER_OF_KEYS: 2,
  SCRIPT: `
    local raw = redis.call('GETRANGE', KEYS[1], 0, ${MAX_SEALED_BYTES})
    if raw ~= '' then return {1, raw} end
    if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {2} end
    return {0}`,
  parseCommand(parser, key: string, lease: string, token: string, leaseMs: number) {
    parser.pushKeys([key, lease]);
    parser.push(token, String(leaseMs));
  },
  transformReply: (reply: unknown): readonly [number, string?] => reply as [number, string?],
});

/** Stores only while the lease holds this token, and releases the lease. KEYS: entry, lease. ARGV: token, sealed text, TTL in ms. */
const storeLeased = defineScript({
  NUMBER_OF_KEYS: 2,
  SCRIPT: `
    if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    redis.call('DEL', KEYS[2])
    return 1`,
  parseCommand(parser, key: string, lease: string, token: string, sealed: string, ttlMs: number) {
    parser.pushKeys([key, lease]);
    parser.push(token, sealed, String(ttlMs));
  },
  transformReply: (reply: unknown): boolean => reply === 1,
});

/** Releases a lease only while it holds this token. KEYS: lease. ARGV: token. */
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

export const CONNECT_TIMEOUT_MS = 1000;

/** Options of a client for one server and of a client for a cluster. */
export const CLIENT_OPTIONS = {
  RESP: 2,
  scripts: { acquire, storeLeased, releaseLease },
  // The client's own command timeout is off: it allocates an AbortSignal per command and cannot stop a command that has
  // been sent. withDeadline bounds each call instead.
  commandOptions: { timeout: undefined },
} as const;

/**
 * Instead of `createClient`, which makes a class with all commands for each set of options, so for each address: 0.1 s of
 * CPU at each new connection. This makes one, when it is first asked.
 */
export const newClient = () => Client.factory(CLIENT_OPTIONS);

/** Options of a client for one server, also within a cluster. Without the offline queue no command waits for a connection. */
export const SERVER_OPTIONS = {
  commandsQueueMaxLength: 100_000,
  disableOfflineQueue: true,
} as const;

/** No `socketTimeout`: RedisConnection ends the connection to a server that hangs. No reconnect: it finds a new topology. */
export const SOCKET_OPTIONS = {
  connectTimeout: CONNECT_TIMEOUT_MS,
  reconnectStrategy: false,
} as const;

/** A client for one server. Commands are pipelined. Not connected yet. */
export function createSingleClient(url: string) {
  return newClient()({ url, ...CLIENT_OPTIONS, ...SERVER_OPTIONS, socket: { ...SOCKET_OPTIONS } });
}

export type SingleClient = ReturnType<typeof createSingleClient>;

/** The commands that the cache sends, be it to one server or to a cluster. */
export type RedisClient = Pick<
  SingleClient,
  'acquire' | 'storeLeased' | 'releaseLease' | 'getRange' | 'set' | 'del' | 'pTTL' | 'eval' | 'dbSize'
>;
