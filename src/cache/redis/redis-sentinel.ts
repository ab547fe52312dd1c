import { ErrorReply } from '@redis/client';
import { type RedisLogin, type RedisTarget, parseRedisUrl } from '../../config/redis-target.js';
import { withDeadline } from '../deadline.js';
import {
  CLIENT_OPTIONS,
  CONNECT_TIMEOUT_MS,
  type SingleClient,
  createSingleClient,
  newClient,
} from './redis-client.js';
import type { CreateTopology, RedisTopology } from './redis-topology.js';
import { Witness } from './witness.js';

/** How often the sentinels are asked: a process can be cut off together with a server that is no longer the master. */
const WATCH_INTERVAL_MS = 1000;

export type SentinelTarget = Extract<RedisTarget, { kind: 'sentinel' }>;

export interface Master {
  readonly host: string;
  readonly port: string;
  /** Grows with each failover. */
  readonly epoch: number;
}

/** The server that the sentinels name as the master. */
class SentinelTopology implements RedisTopology {
  #client: SingleClient | null = null;
  #witness: Witness | null = null;
  #timer: NodeJS.Timeout | undefined;
  #asking = false;
  #destroyed = false;

  constructor(
    private readonly target: SentinelTarget,
    private readonly witnessKey: string,
    private readonly onTrouble: (why: string) => void,
  ) {}

  get client(): SingleClient {
    if (this.#client === null) throw new Error('The sentinels have not been asked for the master');
    return this.#client;
  }

  async connect(): Promise<void> {
    const master = await newestMaster(this.target);
    if (this.#destroyed) throw new Error('Destroyed while the sentinels were asked');
    this.#client = createSingleClient(urlOf(master, this.target));
    this.#client.on('error', (error: Error) => this.onTrouble(error.message));
    this.#witness = new Witness(this.#client, this.witnessKey);
    this.#timer = setInterval(() => void this.#watch(master), WATCH_INTERVAL_MS).unref();
    await this.#client.connect();
  }

  async identity(): Promise<string> {
    const identity = await this.#used.identity();
    const role = await this.client.sendCommand(['ROLE']).catch((error: unknown) => {
      // The user may have no right to ask (`-@dangerous`). Then the witness was written, as a replica does not permit.
      if (!(error instanceof ErrorReply && error.message.startsWith('NOPERM'))) throw error;
      return ['master'];
    });
    if ((role as unknown as string[])[0] !== 'master')
      throw new Error('The server that the sentinels name is not a master');
    return identity;
  }

  verify(): Promise<void> {
    return this.#used.verify();
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

  get #used(): Witness {
    if (this.#witness === null) throw new Error('The sentinels have not been asked for the master');
    return this.#witness;
  }

  async #watch(used: Master): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const { host, port } = await newestMaster(this.target);
      if (host !== used.host || port !== used.port) this.onTrouble('the sentinels name another master');
    } catch {
      // No sentinel answers. That says nothing about the master.
    } finally {
      this.#asking = false;
    }
  }
}

export function sentinelTopology(target: SentinelTarget, witnessKey: string): CreateTopology {
  return (onTrouble) => new SentinelTopology(target, witnessKey, onTrouble);
}

/** The answer of the sentinel that knows of the latest failover. */
export async function newestMaster({ urls, master, login }: SentinelTarget): Promise<Master> {
  const answers = await Promise.allSettled(urls.map((url) => askSentinel(url, master, login)));
  const masters = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const [newest] = masters.sort((a, b) => b.epoch - a.epoch);
  if (newest !== undefined) return newest;
  const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [String(answer.reason)] : []));
  throw new Error(`No sentinel names a master: ${reasons.join('; ')}`);
}

async function askSentinel(url: string, name: string, login: RedisLogin | null): Promise<Master> {
  const { address, login: ofServers, tls } = parseRedisUrl(url);
  const sentinel = newClient()({
    ...CLIENT_OPTIONS,
    ...login,
    socket: {
      ...address,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: false,
      ...(tls && { tls: true as const }),
    },
  });
  // The call that is waiting throws the same error.
  sentinel.on('error', () => {});
  const ask = () => sentinel.sendCommand(['SENTINEL', 'MASTER', name]);
  try {
    return await withDeadline(
      (async () => {
        await sentinel.connect();
        const reply = await ask().catch(async (error: unknown) => {
          // A sentinel without a password refuses one, so it must ask first.
          const { password, ...user } = ofServers;
          if (login !== null || password === undefined || !asksForLogin(error)) throw error;
          await sentinel.auth({ ...user, password });
          return ask();
        });
        return masterOf(reply as unknown as string[]);
      })(),
      2 * CONNECT_TIMEOUT_MS,
    );
  } finally {
    sentinel.destroy();
  }
}

const asksForLogin = (error: unknown): boolean =>
  error instanceof ErrorReply && /^(NOAUTH|NOPERM)/.test(error.message);

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

function urlOf({ host, port }: Master, { urls: [sentinelUrl = ''], database }: SentinelTarget): string {
  const { username, password, protocol } = new URL(sentinelUrl);
  const url = new URL(`${protocol === 'rediss+sentinel:' ? 'rediss' : 'redis'}://redis.invalid/${database}`);
  url.hostname = host.includes(':') ? `[${host}]` : host;
  url.port = port;
  url.username = username;
  url.password = password;
  return url.href;
}
