import { createClient, type ErrorReply } from '@redis/client';
import { withDeadline } from '../deadline.js';
import { CONNECT_TIMEOUT_MS, type SingleClient, createSingleClient } from './redis-client.js';
import { type CreateTopology, type RedisTopology, identityOf } from './redis-topology.js';

/** How often the sentinels are asked: a process can be cut off together with a server that is no longer the master. */
const WATCH_INTERVAL_MS = 1000;

interface Master {
  readonly host: string;
  readonly port: string;
  /** Grows with each failover. */
  readonly epoch: number;
}

/** The server that the sentinels name as the master. */
class SentinelTopology implements RedisTopology {
  #client: SingleClient | null = null;
  #timer: NodeJS.Timeout | undefined;
  #asking = false;
  #destroyed = false;

  constructor(
    private readonly urls: readonly string[],
    private readonly name: string,
    private readonly onTrouble: (why: string) => void,
  ) {}

  get client(): SingleClient {
    if (this.#client === null) throw new Error('The sentinels have not been asked for the master');
    return this.#client;
  }

  async connect(): Promise<void> {
    const master = await this.#currentMaster();
    if (this.#destroyed) throw new Error('Destroyed while the sentinels were asked');
    this.#client = createSingleClient(urlOf(master, this.urls[0] ?? ''));
    this.#client.on('error', (error: Error) => this.onTrouble(error.message));
    this.#timer = setInterval(() => void this.#watch(master), WATCH_INTERVAL_MS).unref();
    await this.#client.connect();
  }

  async identity(): Promise<string> {
    const [role] = (await this.client.sendCommand(['ROLE'])) as unknown as string[];
    if (role !== 'master') throw new Error('The server that the sentinels name is not a master');
    return identityOf(this.client);
  }

  faultAfter(error: ErrorReply | undefined): string | null {
    return error?.message.startsWith('READONLY') === true ? error.message : null;
  }

  async masters() {
    return [this.client];
  }

  destroy(): void {
    this.#destroyed = true;
    clearInterval(this.#timer);
    this.#client?.destroy();
  }

  async #watch(used: Master): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const { host, port } = await this.#currentMaster();
      if (host !== used.host || port !== used.port) this.onTrouble('the sentinels name another master');
    } catch {
      // No sentinel answers. That says nothing about the master.
    } finally {
      this.#asking = false;
    }
  }

  #currentMaster(): Promise<Master> {
    return newestMaster(this.urls, this.name);
  }
}

/** @param urls of the sentinels. Their user and password are those of the servers that they name. */
export function sentinelTopology(urls: readonly string[], name: string): CreateTopology {
  return (onTrouble) => new SentinelTopology(urls, name, onTrouble);
}

/** The answer of the sentinel that knows of the latest failover. */
async function newestMaster(urls: readonly string[], name: string): Promise<Master> {
  const answers = await Promise.allSettled(urls.map((url) => askSentinel(url, name)));
  const masters = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const [newest] = masters.sort((a, b) => b.epoch - a.epoch);
  if (newest !== undefined) return newest;
  const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [String(answer.reason)] : []));
  throw new Error(`No sentinel names a master: ${reasons.join('; ')}`);
}

async function askSentinel(url: string, name: string): Promise<Master> {
  const { hostname, port, protocol } = new URL(url);
  const sentinel = createClient({
    RESP: 2,
    socket: {
      host: hostname,
      port: Number(port || '26379'),
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: false,
      ...(protocol === 'rediss+sentinel:' && { tls: true as const }),
    },
  });
  // The call that is waiting throws the same error.
  sentinel.on('error', () => {});
  try {
    return await withDeadline(
      (async () => {
        await sentinel.connect();
        const reply = await sentinel.sendCommand(['SENTINEL', 'MASTER', name]);
        return masterOf(reply as unknown as string[]);
      })(),
      2 * CONNECT_TIMEOUT_MS,
    );
  } finally {
    sentinel.destroy();
  }
}

/** The reply alternates names and values. */
function masterOf(reply: readonly string[]): Master {
  const value = (field: string): string => {
    const at = reply.indexOf(field);
    const found = at < 0 || at % 2 === 1 ? undefined : reply[at + 1];
    if (found === undefined) throw new Error(`A sentinel's reply lacks the master's ${field}`);
    return found;
  };
  return { host: value('ip'), port: value('port'), epoch: Number(value('config-epoch')) };
}

function urlOf({ host, port }: Master, sentinelUrl: string): string {
  const { username, password, protocol } = new URL(sentinelUrl);
  const url = new URL(`${protocol === 'rediss+sentinel:' ? 'rediss' : 'redis'}://redis.invalid`);
  url.hostname = host.includes(':') ? `[${host}]` : host;
  url.port = port;
  url.username = username;
  url.password = password;
  return url.href;
}
