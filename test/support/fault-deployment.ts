import { Backends } from './backends.js';
import { FaultProcess } from './fault-process.js';
import { type InsertedUser, insertUsers } from './insert-users.js';
import { expectNoneSeen } from './leaks.js';
import { startApi } from './servers/api-process.js';
import { startPostgres, type PostgresServer } from './servers/postgres.js';
import { startRedis, type RedisServer } from './servers/redis.js';
import { startTcpProxy } from './servers/tcp-proxy.js';
import { StatementCounter } from './statements.js';

export interface ProcessOptions {
  /** Over the deployment's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Which of its connections pass through a proxy of its own. */
  readonly proxies?: readonly ('redis' | 'database')[];
}

/** A PostgreSQL and a Redis of the test file's own, to be broken, and API processes that share them. */
export class FaultDeployment {
  readonly processes: FaultProcess[] = [];

  private constructor(
    readonly postgres: PostgresServer,
    readonly redis: RedisServer,
    readonly backends: Backends,
    readonly statements: StatementCounter,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  static async start(env: Readonly<Record<string, string>> = {}): Promise<FaultDeployment> {
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const backends = await Backends.create({ postgresUrl: postgres.url(), redisUrl: redis.url() });
    return new FaultDeployment(postgres, redis, backends, await StatementCounter.install(backends), env);
  }

  /** Returns when it is ready, with cache and database in use. */
  async startProcess({ env = {}, proxies = [] }: ProcessOptions = {}): Promise<FaultProcess> {
    const redisLink = proxies.includes('redis') ? await startTcpProxy(this.redis.port) : undefined;
    const databaseLink = proxies.includes('database') ? await startTcpProxy(this.postgres.port) : undefined;
    const api = await startApi({
      env: {
        ...this.backends.env(),
        NODE_ENV: 'production',
        LOG_LEVEL: 'warn',
        DATABASE_URL: through(this.backends.databaseUrl, databaseLink?.port),
        REDIS_URL: through(this.backends.redisUrl, redisLink?.port),
        ...this.env,
        ...env,
      },
    });
    this.backends.logs.push(() => api.output);
    const process = new FaultProcess(api, redisLink, databaseLink);
    this.processes.push(process);
    await process.whenReady();
    return process;
  }

  /** In whichever order the faults have left them. */
  async whenReady(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.whenReady()));
  }

  /** Whichever of the two does not run. */
  async startServers(): Promise<void> {
    for (const server of [this.postgres, this.redis]) if (!isRunning(server)) await server.start();
  }

  /** With one connection each. Its name changes with each write; the API shows its version. */
  async insertUsers(count: number): Promise<InsertedUser[]> {
    const users = await insertUsers(this.backends, count);
    // Else the record of the insertion could drop what the test is about to read into the cache.
    if (this.processes.length > 0) await this.backends.settled();
    return users;
  }

  /** Versions that PostgreSQL holds, by platform id. */
  async versions(users: readonly InsertedUser[]): Promise<Map<number, number>> {
    const rows = await this.backends.rows<{ id: number; version: number }>(
      'SELECT id, version FROM platform_connections WHERE id = ANY($1::integer[])',
      [users.map(({ platformId }) => platformId)],
    );
    return new Map(rows.map(({ id, version }) => [id, version]));
  }

  /** Keys, of lists and of single platforms, whose entry in Redis is not what PostgreSQL holds. Absent ones are fine. */
  async staleKeys(users: readonly InsertedUser[]): Promise<string[]> {
    const versions = await this.versions(users);
    const stale: string[] = [];
    for (const { id, platformId } of users) {
      for (const key of [`user_platforms:${id}`, `platform:${platformId}`]) {
        const raw = await this.backends.cached(key);
        if (raw === null) continue;
        const [entry] = [JSON.parse(raw) as { version: number } | { version: number }[]].flat();
        if (entry?.version !== versions.get(platformId)) stale.push(key);
      }
    }
    return stale;
  }

  async pendingChanges(): Promise<number> {
    const [row] = await this.backends.rows<{ count: number }>(
      'SELECT count(*)::integer AS count FROM platform_changes WHERE drained_at IS NULL',
    );
    return row?.count ?? 0;
  }

  /** What a user has to have been told of, in order. */
  async eventIds({ id }: InsertedUser): Promise<number[]> {
    await this.backends.published();
    const rows = await this.backends.rows<{ eventId: string }>(
      `SELECT event_id AS "eventId" FROM platform_changes WHERE user_id = $1 ORDER BY event_id`,
      [id],
    );
    return rows.map(({ eventId }) => Number(eventId));
  }

  /** Connections of all pools together, without those of the relays. */
  async pooledConnections(): Promise<number> {
    const [row] = await this.backends.rows<{ count: number }>(
      `SELECT count(*)::integer AS count FROM pg_stat_activity WHERE application_name = 'platform-manager'`,
    );
    return row?.count ?? 0;
  }

  /** Looks first at what the processes have said: no secret in it. Everything is removed even if there is one. */
  async remove(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.remove()));
    try {
      expectNoneSeen(this.backends);
    } finally {
      await this.backends.close();
      await Promise.all([this.postgres.remove(), this.redis.remove()]);
    }
  }
}

function isRunning(server: PostgresServer | RedisServer): boolean {
  try {
    return server.pid > 0;
  } catch {
    return false;
  }
}

function through(server: string, proxyPort: number | undefined): string {
  if (proxyPort === undefined) return server;
  const url = new URL(server);
  url.port = String(proxyPort);
  return url.href;
}
