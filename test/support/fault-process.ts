import { Agent } from 'node:http';
import { waitUntil } from './barrier.js';
import { COLLECTED } from './fault-preload.js';
import type { InsertedUser } from './insert-users.js';
import { type Reply, send } from './load.js';
import type { ApiProcess } from './servers/api-process.js';
import type { TcpProxy } from './servers/tcp-proxy.js';

const READY_TIMEOUT_MS = 30_000;

/** One API process of a deployment, with the links that were asked for. */
export class FaultProcess {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 4000 });

  constructor(
    readonly api: ApiProcess,
    private readonly redisProxy: TcpProxy | undefined,
    private readonly databaseProxy: TcpProxy | undefined,
  ) {}

  get redisLink(): TcpProxy {
    return given(this.redisProxy, 'Redis');
  }

  get databaseLink(): TcpProxy {
    return given(this.databaseProxy, 'PostgreSQL');
  }

  get(path: string, user?: InsertedUser): Promise<Reply> {
    return this.request('GET', path, user);
  }

  list(user: InsertedUser): Promise<Reply> {
    return this.get('/v1/platforms', user);
  }

  one(user: InsertedUser): Promise<Reply> {
    return this.get(`/v1/platforms/${user.platformId}`, user);
  }

  /** A write that makes a new version. */
  rename(user: InsertedUser, name: string): Promise<Reply> {
    return this.request('PATCH', `/v1/platforms/${user.platformId}`, user, { name });
  }

  request(method: string, path: string, user?: InsertedUser, body?: unknown): Promise<Reply> {
    return send({ baseUrl: this.api.baseUrl, agent: this.agent, method, path, token: user?.token, body });
  }

  /** Figures of /metrics by name and labels as they stand there: `database_pool_connections{state="waiting"}`. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const { status, text } = await this.get('/metrics');
    if (status !== 200) throw new Error(`/metrics answered ${status}: ${text}`);
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => {
        const end = line.lastIndexOf(' ');
        return [line.slice(0, end), Number(line.slice(end + 1))];
      }),
    );
  }

  async metric(name: string): Promise<number> {
    return (await this.metrics()).get(name) ?? 0;
  }

  /** Loads and transactions that wait for the database: at the gate before the pool, and in the pool's own queue. */
  async waiting(): Promise<number> {
    return waitingIn(await this.metrics());
  }

  /** Only of a process that was started with COLLECTABLE. */
  async collectGarbage(): Promise<void> {
    const collections = () => this.api.output.filter((line) => line === COLLECTED).length;
    const done = collections();
    process.kill(this.api.pid, 'SIGWINCH');
    await waitUntil(() => collections() > done, {
      timeoutMs: 15_000,
      what: 'the garbage to be collected',
    });
  }

  isBreakerOpen(): Promise<boolean> {
    // Half-open is a moment of probing: only closed means that Redis is in use.
    return this.metric('cache_breaker_state{state="closed"}').then((closed) => closed === 0);
  }

  /** Both servers in use, and no request is turned away from the cache. */
  async whenReady(): Promise<void> {
    await waitUntil(async () => /"status":"ok"/.test((await this.get('/health/ready')).text), {
      timeoutMs: READY_TIMEOUT_MS,
      what: 'the process to be ready again',
      intervalMs: 20,
    });
  }

  /** Reads all into Redis, and this process's memory of it. */
  async warm(users: readonly InsertedUser[]): Promise<void> {
    for (let start = 0; start < users.length; start += 50) {
      const replies = await Promise.all(
        users.slice(start, start + 50).flatMap((user) => [this.list(user), this.one(user)]),
      );
      const bad = replies.find(({ status }) => status !== 200);
      if (bad !== undefined) throw new Error(`Warming was answered ${bad.status}: ${bad.text}`);
    }
  }

  async remove(): Promise<void> {
    this.agent.destroy();
    await this.api.kill();
    await Promise.all([this.redisProxy?.close(), this.databaseProxy?.close()]);
  }
}

export function waitingIn(metrics: ReadonlyMap<string, number>): number {
  const names = [
    'database_admission_waiting{kind="load"}',
    'database_admission_waiting{kind="transaction"}',
    'database_pool_connections{state="waiting"}',
  ];
  return names.reduce((sum, name) => sum + (metrics.get(name) ?? NaN), 0);
}

function given(proxy: TcpProxy | undefined, server: string): TcpProxy {
  if (proxy === undefined) throw new Error(`The process was started without a proxy to ${server}`);
  return proxy;
}
