import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SignJWT } from 'jose';
import pg from 'pg';
import { KeyRing } from '../../src/crypto/key-ring.js';
import { CredentialCipher } from '../../src/platforms/credential-cipher.js';
import { type ApiProcess, startApi } from '../support/servers/api-process.js';
import { type PostgresServer, startPostgres } from '../support/servers/postgres.js';
import { type RedisServer, startRedis } from '../support/servers/redis.js';

const TSX = createRequire(import.meta.url).resolve('tsx');
const PLATFORMS_PER_USER = 3;

/** Servers, users and processes of one bench run, all on loopback. */
export class Deployment {
  readonly #processes: ApiProcess[] = [];
  readonly #encryptionKey = `${randomBytes(32).toString('base64url')}=`;
  readonly #jwtSecret = randomBytes(48).toString('base64url');

  private constructor(
    readonly postgres: PostgresServer,
    readonly redis: RedisServer,
    readonly sql: pg.Pool,
  ) {}

  static async start(): Promise<Deployment> {
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const sql = new pg.Pool({ connectionString: postgres.url(), max: 4 });
    // An idle connection that breaks is not used again; without a listener it would end the bench.
    sql.on('error', (error) => console.error(`PostgreSQL: ${error.message}`));
    return new Deployment(postgres, redis, sql);
  }

  /** Platform Manager itself, as it is built in dist. */
  async startApp(env: Readonly<Record<string, string>> = {}): Promise<ApiProcess> {
    const api = await startApi({
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

  /** Users with three sealed connections each; ids are consecutive. */
  async addUsers(count: number): Promise<number[]> {
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
    await this.#invalidationsAreDone();
    return users.map(({ id }) => id);
  }

  /** The new rows' own: they would be drops in the middle of what is counted. Needs a process that runs. */
  async #invalidationsAreDone(): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const { rowCount } = await this.sql.query(
        'SELECT 1 FROM platform_changes WHERE drained_at IS NULL LIMIT 1',
      );
      if (rowCount === 0) return;
      await sleep(50);
    }
    throw new Error('The outbox was not drained within ten seconds.');
  }

  async bearer(userId: number): Promise<{ authorization: string }> {
    const token = await new SignJWT({ role: 'user' })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer('platform-manager')
      .setAudience('platform-manager')
      .setSubject(String(userId))
      .setIssuedAt()
      .setExpirationTime('2h')
      .sign(new TextEncoder().encode(this.#jwtSecret));
    return { authorization: `Bearer ${token}` };
  }

  /** SELECTs of connections since `work` began, as the database counted them. */
  async countSelects(work: () => Promise<void>): Promise<number> {
    await this.sql.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await this.sql.query('SELECT pg_stat_statements_reset()');
    await work();
    const { rows } = await this.sql.query<{ calls: number }>(
      `SELECT coalesce(sum(calls), 0)::integer AS calls FROM pg_stat_statements
       WHERE query ~* '^\\s*select\\M.*\\mfrom\\M\\s+"?platform_connections'`,
    );
    return rows[0]?.calls ?? Number.NaN;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
    await this.sql.end();
    await Promise.all([this.postgres.remove(), this.redis.remove()]);
  }
}
