import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SignJWT } from 'jose';
import pg from 'pg';
import { createClient } from 'redis';
import { CredentialCipher } from '../../src/credentials/credential-cipher.js';
import { KeyRing } from '../../src/crypto/key-ring.js';
import { waitUntil } from '../support/barrier.js';
import { type ApiProcess, startApi } from '../support/servers/api-process.js';
import { type PostgresServer, startPostgres } from '../support/servers/postgres.js';
import { type RedisServer, startRedis } from '../support/servers/redis.js';

const TSX = createRequire(import.meta.url).resolve('tsx');
export const PLATFORMS_PER_USER = 3;
/** Counted, and never reached. */
export const LIMITED = {
  RATE_LIMIT_ENABLED: 'true',
  RATE_LIMIT_ADDRESS_PER_MINUTE: '10000000',
  RATE_LIMIT_USER_PER_MINUTE: '10000000',
};
/** What no Redis listens on: every read goes to the database. */
export const CACHE_OFF = { REDIS_URL: 'redis://127.0.0.1:1' };

export interface BenchUser {
  readonly id: number;
  /** The first of their connections. */
  readonly platformId: number;
  readonly token: string;
}

function connectRedis(url: string) {
  const client = createClient({ url, RESP: 2 });
  // The soak kills it; a command that fails says so itself.
  client.on('error', () => undefined);
  return client;
}

export interface Statements {
  readonly all: number;
  /** SELECTs of the list of a user: what a read costs. A writer has others, with and without the cache. */
  readonly lists: number;
}

/** Servers, users and processes of one bench run, all on loopback. */
export class Deployment {
  readonly #processes: ApiProcess[] = [];
  readonly #encryptionKey = `${randomBytes(32).toString('base64url')}=`;
  readonly #jwtSecret = randomBytes(48).toString('base64url');

  private constructor(
    readonly postgres: PostgresServer,
    readonly redis: RedisServer,
    /** The bench's own connections; their statements are not counted. */
    readonly sql: pg.Pool,
    readonly cache: ReturnType<typeof connectRedis>,
  ) {}

  static async start(): Promise<Deployment> {
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const sql = new pg.Pool({
      connectionString: postgres.url(),
      max: 4,
      options: '-c pg_stat_statements.track=none',
    });
    // An idle connection that breaks is not used again; without a listener it would end the bench.
    sql.on('error', (error) => console.error(`PostgreSQL: ${error.message}`));
    const cache = connectRedis(redis.url());
    await cache.connect();
    return new Deployment(postgres, redis, sql, cache);
  }

  /** Platform Manager itself, as it is built in dist/, or in that of another checkout. */
  async startApp(env: Readonly<Record<string, string>> = {}, build?: string): Promise<ApiProcess> {
    const api = await startApi({
      ...(build !== undefined && { entry: resolve(build, 'dist/main.js') }),
      env: {
        NODE_ENV: 'production',
        LOG_LEVEL: 'warn',
        RATE_LIMIT_ENABLED: 'false',
        CACHE_WARM_USERS: '0',
        WATCH_ENABLED: 'false',
        DATABASE_URL: this.postgres.url(),
        REDIS_URL: this.redis.url(),
        PLATFORM_ENCRYPTION_KEY: this.#encryptionKey,
        JWT_SECRET: this.#jwtSecret,
        ...env,
      },
    });
    this.#processes.push(api);
    return api;
  }

  async startContestant(file: string, env: Readonly<Record<string, string>>): Promise<ApiProcess> {
    const api = await startApi({
      entry: fileURLToPath(new URL(`./contestants/${file}`, import.meta.url)),
      env: { NODE_OPTIONS: `--import=${TSX}`, NODE_ENV: 'production', REDIS_URL: this.redis.url(), ...env },
    });
    this.#processes.push(api);
    return api;
  }

  /**
   * Users with three sealed connections each. Needs a process that runs: the invalidations of the new rows are waited
   * for, else they would be drops in the middle of what is counted.
   */
  async addUsers(count: number): Promise<BenchUser[]> {
    const users = await this.insertUsers(count);
    await this.drained();
    return users;
  }

  async insertUsers(count: number): Promise<BenchUser[]> {
    const cipher = new CredentialCipher(KeyRing.parse(this.#encryptionKey));
    const { rows: users } = await this.sql.query<{ id: number }>(
      `INSERT INTO users (email) SELECT 'bench-' || md5(random()::text || n) || '@example.org'
       FROM generate_series(1, $1::integer) AS n RETURNING id`,
      [count],
    );
    const { rows: ids } = await this.sql.query<{ id: number }>(
      `SELECT nextval(pg_get_serial_sequence('platform_connections', 'id'))::integer AS id
       FROM generate_series(1, $1::integer)`,
      [count * PLATFORMS_PER_USER],
    );
    const rows = ids.map(({ id }, index) => {
      const userId = users[Math.floor(index / PLATFORMS_PER_USER)]?.id ?? 0;
      const instanceUrl = `https://instance-${index % PLATFORMS_PER_USER}.example`;
      const secrets = {
        accessToken: randomBytes(32).toString('base64url'),
        clientKey: 'key',
        clientSecret: 'secret',
      };
      const sealed = cipher.encrypt({ userId, id, instanceUrl }, secrets);
      return { id, userId, instanceUrl, ordinal: index % PLATFORMS_PER_USER, ...sealed };
    });
    await this.sql.query(
      `INSERT INTO platform_connections
         (id, user_id, name, platform_type, instance_url, username, access_token, client_key, client_secret, key_id, seal, is_default)
       SELECT id, "userId", 'Connection ' || ordinal, 'mastodon', "instanceUrl", 'somebody', "accessToken", "clientKey",
         "clientSecret", "keyId", seal, ordinal = 0
       FROM json_to_recordset($1::json) AS given (id integer, "userId" integer, "instanceUrl" text, ordinal integer,
         "accessToken" text, "clientKey" text, "clientSecret" text, "keyId" text, seal text)`,
      [JSON.stringify(rows)],
    );
    return Promise.all(
      users.map(async ({ id }, index) => ({
        id,
        platformId: ids[index * PLATFORMS_PER_USER]?.id ?? 0,
        token: await this.#sign(id),
      })),
    );
  }

  async drained(): Promise<void> {
    const isDrained = async (): Promise<boolean> => {
      const { rowCount } = await this.sql.query(
        'SELECT 1 FROM platform_changes WHERE drained_at IS NULL LIMIT 1',
      );
      return rowCount === 0;
    };
    await waitUntil(isDrained, { timeoutMs: 120_000, what: 'the outbox to be drained', intervalMs: 50 });
  }

  #sign(userId: number): Promise<string> {
    return new SignJWT({ role: 'user' })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer('platform-manager')
      .setAudience('platform-manager')
      .setSubject(String(userId))
      .setIssuedAt()
      .setExpirationTime('12h')
      .sign(new TextEncoder().encode(this.#jwtSecret));
  }

  /** Statements of the API since `work` began, as the database counted them. */
  async countStatements(work: () => Promise<void>): Promise<Statements> {
    await this.sql.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await this.sql.query('SELECT pg_stat_statements_reset()');
    await work();
    const { rows } = await this.sql.query<Statements>(
      `SELECT coalesce(sum(calls), 0)::integer AS "all",
         coalesce(sum(calls) FILTER (WHERE query ~* '^\\s*select\\M.*\\mfrom\\M\\s+"?platform_connections.*"is_active" = '), 0)::integer
           AS lists
       FROM pg_stat_statements`,
    );
    return rows[0] ?? { all: Number.NaN, lists: Number.NaN };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
    this.cache.destroy();
    await this.sql.end();
    await Promise.all([this.postgres.remove(), this.redis.remove()]);
  }
}
