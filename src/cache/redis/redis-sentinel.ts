import { type ErrorReply, createClient } from 'redis';
import { withDeadline } from '../deadline.js';
import { CONNECT_TIMEOUT_MS, createRedisClient } from './redis-client.js';
import { identityOf } from './redis-connection.js';
import type { OpenSession, RedisSession } from './redis-sessions.js';

/** How often the sentinels are asked who the master is: a process can be cut off with a master that is none any more. */
const WATCH_INTERVAL_MS = 1000;

interface Master {
  readonly host: string;
  readonly port: string;
  /** Grows with each failover. */
  readonly epoch: number;
}

/** The server that the sentinels call the master. */
class SentinelSession implements RedisSession {
  readonly #timer: NodeJS.Timeout;
  #asking = false;

  constructor(
    readonly client: ReturnType<typeof createRedisClient>,
    private readonly master: Master,
    private readonly currentMaster: () => Promise<Master>,
    private readonly onTrouble: (why: string) => void,
  ) {
    this.#timer = setInterval(() => void this.#watch(), WATCH_INTERVAL_MS).unref();
  }

  async identity(): Promise<string> {
    const [role] = (await this.client.sendCommand(['ROLE'])) as unknown as string[];
    if (role !== 'master') throw new Error('The server that the sentinels name is not a master');
    return identityOf(this.client);
  }

  flaw(error: ErrorReply | undefined): string | null {
    return error?.message.startsWith('READONLY') === true ? error.message : null;
  }

  async masters() {
    return [this.client];
  }

  destroy(): void {
    clearInterval(this.#timer);
    this.client.destroy();
  }

  async #watch(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const { host, port } = await this.currentMaster();
      if (host !== this.master.host || port !== this.master.port) {
        this.onTrouble('the sentinels name another master');
      }
    } catch {
      // No sentinel answers. That is no news of the master, which does.
    } finally {
      this.#asking = false;
    }
  }
}

/** @param urls of the sentinels; their user and password are for the servers that they name. */
export function sentinelOpener(urls: readonly string[], name: string): OpenSession {
  const currentMaster = (): Promise<Master> => newestMaster(urls, name);
  return async (onTrouble) => {
    const master = await currentMaster();
    const client = createRedisClient(urlOf(master, urls[0] ?? ''), false);
    const session = new SentinelSession(client, master, currentMaster, onTrouble);
    client.on('error', (error: Error) => onTrouble(error.message));
    client.on('end', () => onTrouble('the connection to the master has ended'));
    try {
      await client.connect();
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    }
  };
}

/** Of all sentinels that answer, the one that has heard of the last failover is right. */
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
  // What fails is thrown by the call that is under way.
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

/** The reply lists names and values in turn. */
function masterOf(reply: readonly string[]): Master {
  const value = (field: string): string => {
    const at = reply.indexOf(field);
    const found = at < 0 || at % 2 === 1 ? undefined : reply[at + 1];
    if (found === undefined) throw new Error(`A sentinel does not tell the master's ${field}`);
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
