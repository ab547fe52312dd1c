import { createConnection, isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, Redis } from 'ioredis';
import { type RedisTarget, type RedisUrl, parseRedisUrl } from '../../config/redis-target.js';
import { findQueueServer } from './queue-server.js';

const CONNECT_TIMEOUT_MS = 2000;
const RECONNECT_MAX_MS = 5000;
/** Commands that are refused by a server that does not hold the queue any more. They were not carried out. */
const REFUSED = /^(MOVED|READONLY) /;
const RESEND = 2;

/**
 * A client for BullMQ, separate from the cache's: a worker blocks on Redis for minutes, and its commands wait while Redis
 * is down; cache commands must do neither.
 *
 * All keys of a queue lie in one slot, so one server holds them at a time, also of a cluster. The client looks for that
 * server each time it connects, and connects again when the server refuses a command.
 *
 * @param key any key of the queue.
 */
export function createQueueClient(target: RedisTarget, key: string, stopped: AbortSignal): Redis {
  const { login, database, tls } = parseRedisUrl(
    target.kind === 'single' ? target.url : (target.urls[0] ?? ''),
  );
  const known = { cluster: target.kind === 'cluster' };
  const waitMs = (attempt: number): number => Math.min(100 * 2 ** Math.min(attempt, 10), RECONNECT_MAX_MS);

  class Connector extends AbstractConnector {
    constructor() {
      super(CONNECT_TIMEOUT_MS);
    }

    /** Goes on until it finds the server: a client of ioredis whose connector fails ends for good. */
    async connect(emit: (event: string, error: Error) => void) {
      this.connecting = true;
      for (let attempt = 0; ; attempt++) {
        try {
          const server = await findQueueServer(target, key, known.cluster);
          stopped.throwIfAborted();
          if (!this.connecting) throw new Error('Connection is closed.');
          this.stream = open(server, tls);
          this.stream.once('error', (error: Error) => (this.firstError = error));
          return this.stream;
        } catch (error) {
          if (stopped.aborted || !this.connecting) throw error;
          emit('error', error as Error);
        }
        await sleep(waitMs(attempt), undefined, { signal: stopped, ref: false });
      }
    }
  }

  const client = new Redis({
    ...login,
    db: target.kind === 'sentinel' ? target.database : database,
    // Says only that TLS is spoken: the connector makes the connection.
    ...(tls && { tls: {} }),
    Connector,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: null,
    // It would send INFO, which not every user may.
    enableReadyCheck: false,
    // It would read its version from a file beside itself, which the bundle does not have.
    disableClientInfo: true,
    retryStrategy: (attempt) => (stopped.aborted ? null : waitMs(attempt)),
    reconnectOnError: ({ message }) => {
      // The server of REDIS_URL is a node of a cluster.
      if (message.startsWith('MOVED')) known.cluster = true;
      return REFUSED.test(message) ? RESEND : false;
    },
  });
  // BullMQ listens too, but not after it has closed the client.
  client.on('error', () => {});
  return client;
}

function open(address: RedisUrl['address'], tls: boolean) {
  if ('path' in address) return createConnection(address.path);
  if (!tls) return createConnection(address);
  return connectTls({ ...address, ...(isIP(address.host) === 0 && { servername: address.host }) });
}
