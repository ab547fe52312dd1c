import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import pg from 'pg';
import { createClient } from 'redis';
import { CredentialCipher } from '../../src/credentials/credential-cipher.js';
import { KeyRing } from '../../src/crypto/key-ring.js';
import { PATIENT_WITH_REDIS } from './backends.js';
import { waitUntil } from './barrier.js';
import { FaultProcess } from './fault-process.js';
import { startApi } from './servers/api-process.js';
import { startPostgres, type PostgresServer } from './servers/postgres.js';
import { startRedis, type RedisServer } from './servers/redis.js';
import { startTcpProxy } from './servers/tcp-proxy.js';

/** A user with one platform connection. Its name changes with each write; the API shows its version. */
export interface FaultUser {
  readonly id: number;
  readonly platformId: number;
  readonly token: string;
}

export interface ProcessOptions {
  /** Over the deployment's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Which of its connections pass through a proxy of its own. */
  readonly proxies?: readonly ('redis' | 'database')[];
}

const INSTANCE_URL = 'https://mastodon.example';
/** Long enough for a process whose clock is an hour ahead. */
const TOKEN_TTL_SECONDS = 3 * 3600;

function connectRedis(url: string) {
  const client = createClient({ url, RESP: 2, socket: { reconnectStrategy: () => 20 } });
  // Without a listener a Redis that the test kills would end the test.
  client.on('error', () => undefined);
  return client;
}

/** A PostgreSQL and a Redis of the test file's own, to be broken, and API processes that share them. */
export class FaultDeployment {
  readonly processes: FaultProcess[] = [];
  private readonly encryptionKey = `${randomBytes(32).toString('base64url')}=`;
  private readonly jwtSecret = randomBytes(48).toString('base64url');

  private constructor(
    readonly postgres: PostgresServer,
    readonly redis: RedisServer,
    /** The test's own connections, not counted among those of the API. */
    readonly sql: pg.Pool,
    readonly cache: ReturnType<typeof connectRedis>,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  static async start(env: Readonly<Record<string, string>> = {}): Promise<FaultDeployment> {
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const sql = new pg.Pool({ connectionString: postgres.url(), max: 10, connectionTimeoutMillis: 10_000 });
    sql.on('error', () => undefined);
    sql.on('connect', (client) => {
      client.query(`SET pg_stat_statements.track = 'none'`).catch(() => undefined);
    });
    await sql.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    const cache = connectRedis(redis.url());
    await cache.connect();
    return new FaultDeployment(postgres, redis, sql, cache, env);
  }

  /** Returns when it is ready, with cache and database in use. */
  async startProcess({ env = {}, proxies = [] }: ProcessOptions = {}): Promise<FaultProcess> {
    const redisLink = proxies.includes('redis') ? await startTcpProxy(this.redis.port) : undefined;
    const databaseLink = proxies.includes('database') ? await startTcpProxy(this.postgres.port) : undefined;
    const api = await startApi({
      env: {
        NODE_ENV: 'production',
        LOG_LEVEL: 'warn',
        RATE_LIMIT_ENABLED: 'false',
        CACHE_WARM_USERS: '0',
        WATCH_ENABLED: 'false',
        ...PATIENT_WITH_REDIS,
        DATABASE_URL: through(this.postgres.url(), databaseLink?.port),
        REDIS_URL: through(this.redis.url(), redisLink?.port),
        PLATFORM_ENCRYPTION_KEY: this.encryptionKey,
        JWT_SECRET: this.jwtSecret,
        ...this.env,
        ...env,
      },
    });
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

  async rows<T>(text: string, values: readonly unknown[] = []): Promise<T[]> {
    return (await this.sql.query(text, [...values])).rows as T[];
  }

  /** By SQL, with sealed credentials, so that thousands cost no thousand password hashes. */
  async insertUsers(count: number): Promise<FaultUser[]> {
    const cipher = new CredentialCipher(KeyRing.parse(this.encryptionKey));
    const prefix = randomBytes(6).toString('hex');
    const ids = await this.rows<{ id: number; platformId: number }>(
      `INSERT INTO users (email) SELECT $2 || n || '@example.org' FROM generate_series(1, $1::integer) AS n
       RETURNING id, nextval(pg_get_serial_sequence('platform_connections', 'id'))::integer AS "platformId"`,
      [count, prefix],
    );
    const sealed = ids.map(({ id, platformId }) =>
      cipher.encrypt(
        { userId: id, id: platformId, instanceUrl: INSTANCE_URL },
        { accessToken: `token of ${id}`, clientKey: null, clientSecret: null },
      ),
    );
    await this.sql.query(
      `INSERT INTO platform_connections
         (id, user_id, name, platform_type, instance_url, access_token, key_id, seal, is_default)
       SELECT id, user_id, 'original', 'mastodon', $1, access_token, key_id, seal, true
       FROM unnest($2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[])
         AS given (id, user_id, access_token, key_id, seal)`,
      [
        INSTANCE_URL,
        ids.map(({ platformId }) => platformId),
        ids.map(({ id }) => id),
        sealed.map(({ accessToken }) => accessToken),
        sealed.map(({ keyId }) => keyId),
        sealed.map(({ seal }) => seal),
      ],
    );
    // Else the record of the insertion could drop what the test is about to read into the cache.
    if (this.processes.length > 0) await this.whenDrained();
    return Promise.all(ids.map(async (user) => ({ ...user, token: await this.sign(user.id) })));
  }

  /** Versions that PostgreSQL holds, by platform id. */
  async versions(users: readonly FaultUser[]): Promise<Map<number, number>> {
    const rows = await this.rows<{ id: number; version: number }>(
      'SELECT id, version FROM platform_connections WHERE id = ANY($1::integer[])',
      [users.map(({ platformId }) => platformId)],
    );
    return new Map(rows.map(({ id, version }) => [id, version]));
  }

  /** Keys, of lists and of single platforms, whose entry in Redis is not what PostgreSQL holds. Absent ones are fine. */
  async staleKeys(users: readonly FaultUser[]): Promise<string[]> {
    const versions = await this.versions(users);
    const stale: string[] = [];
    for (const { id, platformId } of users) {
      for (const key of [`user_platforms:${id}`, `platform:${platformId}`]) {
        const raw = await this.cache.get(key);
        if (raw === null) continue;
        const [entry] = [JSON.parse(raw) as { version: number } | { version: number }[]].flat();
        if (entry?.version !== versions.get(platformId)) stale.push(key);
      }
    }
    return stale;
  }

  async pendingChanges(): Promise<number> {
    const [row] = await this.rows<{ count: number }>(
      'SELECT count(*)::integer AS count FROM platform_changes WHERE drained_at IS NULL',
    );
    return row?.count ?? 0;
  }

  async whenDrained(): Promise<void> {
    const isDrained = async (): Promise<boolean> => (await this.pendingChanges()) === 0;
    await waitUntil(isDrained, { timeoutMs: 15_000, what: 'the outbox to be drained', intervalMs: 20 });
  }

  /** Returns when everybody who listens has been told, or is about to be. */
  async whenPublished(): Promise<void> {
    const sql = `SELECT 1 FROM platform_changes WHERE event_id IS NULL AND type LIKE 'platform.%' LIMIT 1`;
    await waitUntil(async () => (await this.rows(sql)).length === 0, {
      timeoutMs: 10_000,
      what: 'the events to be published',
    });
  }

  /** What a user has to have been told of, in order. */
  async eventIds({ id }: FaultUser): Promise<number[]> {
    await this.whenPublished();
    const rows = await this.rows<{ eventId: string }>(
      `SELECT event_id AS "eventId" FROM platform_changes WHERE user_id = $1 ORDER BY event_id`,
      [id],
    );
    return rows.map(({ eventId }) => Number(eventId));
  }

  /** Connections of all pools together, without those of the relays. */
  async pooledConnections(): Promise<number> {
    const [row] = await this.rows<{ count: number }>(
      `SELECT count(*)::integer AS count FROM pg_stat_activity WHERE application_name = 'platform-manager'`,
    );
    return row?.count ?? 0;
  }

  async resetStatements(): Promise<void> {
    await this.sql.query('SELECT pg_stat_statements_reset()');
  }

  /** SELECTs of connections that the API has sent since the reset. */
  async platformSelects(): Promise<number> {
    const [row] = await this.rows<{ calls: number }>(
      `SELECT coalesce(sum(calls), 0)::integer AS calls FROM pg_stat_statements
       WHERE query ~* '^\\s*select\\M.*\\mfrom\\M\\s+"?platform_connections'`,
    );
    return row?.calls ?? 0;
  }

  async remove(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.remove()));
    this.cache.destroy();
    await this.sql.end().catch(() => undefined);
    await Promise.all([this.postgres.remove(), this.redis.remove()]);
  }

  sign(userId: number, ttlSeconds = TOKEN_TTL_SECONDS): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ role: 'user' })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer('platform-manager')
      .setAudience('platform-manager')
      .setSubject(String(userId))
      .setIssuedAt(now)
      .setExpirationTime(now + ttlSeconds)
      .sign(new TextEncoder().encode(this.jwtSecret));
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
