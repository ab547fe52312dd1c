import { ErrorReply } from '@redis/client';
import { waitUntil } from '../barrier.js';
import { command } from './redis-command.js';
import { type RedisServer, startRedis } from './redis.js';

export const MASTER_NAME = 'cache-master';
const SETTLE = { timeoutMs: 60_000, intervalMs: 50 };

/** A master and a replica, and three sentinels that watch them, on loopback. */
export class RedisSentinels {
  constructor(
    readonly servers: readonly RedisServer[],
    readonly sentinels: readonly RedisServer[],
  ) {}

  /** As REDIS_URL takes it. */
  get url(): string {
    return this.sentinels.map(({ port }) => `redis+sentinel://127.0.0.1:${port}/${MASTER_NAME}`).join(',');
  }

  /** Whom the sentinels name. */
  async master(): Promise<RedisServer> {
    const reply = await command(this.sentinels[0], ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME]);
    const [, port] = reply as string[];
    const found = this.servers.find((server) => String(server.port) === port);
    if (found === undefined) throw new Error(`The sentinels name port ${port}`);
    return found;
  }

  /** Returns when the replica is in step and every sentinel knows of it and of the other two. */
  async whenHealthy(): Promise<void> {
    const isHealthy = async (): Promise<boolean> => {
      const views = await Promise.all(
        this.sentinels.map((sentinel) => command(sentinel, ['SENTINEL', 'MASTER', MASTER_NAME])),
      );
      const known = views.every((view) => {
        const fields = view as string[];
        const value = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
        return (
          value('flags') === 'master' && value('num-slaves') === '1' && value('num-other-sentinels') === '2'
        );
      });
      return (
        known && /state=online/.test(String(await command(await this.master(), ['INFO', 'replication'])))
      );
    };
    await waitUntil(() => isHealthy().catch(() => false), { ...SETTLE, what: 'the sentinels to be content' });
  }

  /** Returns when they have another master, although this one runs. */
  async failOver(): Promise<void> {
    const old = await this.master();
    const isDone = async (): Promise<boolean> => {
      if ((await this.master()) !== old) return true;
      await command(this.sentinels[0], ['SENTINEL', 'FAILOVER', MASTER_NAME]).catch(notYet);
      return false;
    };
    await waitUntil(isDone, { ...SETTLE, intervalMs: 500, what: 'another master' });
  }

  async remove(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.remove()));
  }
}

/** A sentinel refuses, or begins and gives up, until it has heard lately how the replica is. */
function notYet(error: unknown): void {
  if (!(error instanceof ErrorReply && /^(NOGOODSLAVE|INPROG)/.test(error.message))) throw error;
}

/** The caller removes them; they go with this process at the latest. */
export async function startRedisSentinels(): Promise<RedisSentinels> {
  const master = await startRedis();
  const [replica, ...sentinels] = await Promise.all([
    startRedis({
      args: ['--replicaof', '127.0.0.1', String(master.port), '--repl-diskless-sync-delay', '0'],
    }),
    ...Array.from({ length: 3 }, () => startRedis({ sentinel: configuration(master.port) })),
  ]);
  const all = new RedisSentinels([master, replica], sentinels);
  await all.whenHealthy();
  return all;
}

function configuration(port: number): string {
  return [
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${port} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} 1000`,
    `sentinel failover-timeout ${MASTER_NAME} 5000`,
    '',
  ].join('\n');
}
