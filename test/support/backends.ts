import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { KeyRing } from '../../src/crypto/key-ring.js';
import { waitUntil } from './barrier.js';
import {
  createMigratedDatabase,
  createTestDatabase,
  createTestRedis,
  type TestDatabase,
} from './databases.js';
import type { Exchange } from './http-client.js';
import type { Seen } from './leaks.js';
import { type RawRedis, rawRedis } from './raw-redis.js';
import { valueIn } from './sealed-entries.js';
import { Secrets } from './secrets.js';

/** On a busy machine a Redis that is well takes longer than the 100 ms after which it would be passed by. */
export const PATIENT_WITH_REDIS = { REDIS_COMMAND_TIMEOUT_MS: '2000' } as const;
/** For what is about a Redis that does not answer. */
export const IMPATIENT_WITH_REDIS = { REDIS_COMMAND_TIMEOUT_MS: '100' } as const;

export interface BackendsOptions {
  /** Another Redis than a database of the run's, such as one that the test is going to kill. */
  readonly redisUrl?: string;
  /** Another PostgreSQL than the run's, for the same reason. */
  readonly postgresUrl?: string;
  /** CACHE_KEY_PREFIX. */
  readonly keyPrefix?: string;
  /** With no tables yet, as before a first start. So it is anyway on another PostgreSQL. */
  readonly empty?: boolean;
}

/**
 * A database and a Redis that the apps of one test file share, the keys that they have in common, and everything that
 * was seen of them: they stand for one deployment, its apps for processes of it.
 */
export class Backends implements Seen {
  readonly secrets = new Secrets();
  readonly exchanges: Exchange[] = [];
  /** The log of every app that ran on these backends. */
  readonly logs: (() => readonly string[])[] = [];
  readonly encryptionKey = `${randomBytes(32).toString('base64url')}=`;
  readonly #encryptionKeys = new Set([this.encryptionKey]);
  readonly jwtSecret = randomBytes(48).toString('base64url');
  #recordIsChecked = false;

  private constructor(
    private readonly database: TestDatabase,
    readonly redisUrl: string,
    /** The test's own connections. */
    readonly sql: pg.Pool,
    readonly redis: RawRedis,
    private readonly keyPrefix: string,
  ) {
    this.secrets.add(this.encryptionKey, this.jwtSecret);
  }

  static async create(options: BackendsOptions = {}): Promise<Backends> {
    const { redisUrl, postgresUrl, keyPrefix = '', empty = postgresUrl !== undefined } = options;
    const [database, url] = await Promise.all([
      empty ? createTestDatabase(postgresUrl) : createMigratedDatabase(),
      redisUrl ?? createTestRedis().then((redis) => redis.url),
    ]);
    const sql = new pg.Pool({
      connectionString: database.url,
      max: 10,
      connectionTimeoutMillis: 10_000,
      // None is closed: another one would cost PostgreSQL more than a test's statements do.
      idleTimeoutMillis: 0,
      // Not to be counted among the statements of the apps.
      options: '-c pg_stat_statements.track=none',
    });
    sql.on('error', () => undefined);
    if (!empty) await sql.query('UPDATE installation SET id = DEFAULT');
    const redis = rawRedis(url);
    await redis.connect();
    return new Backends(database, url, sql, redis, keyPrefix);
  }

  get databaseUrl(): string {
    return this.database.url;
  }

  /** Opens what any app on these backends has encrypted. */
  get keyRing(): KeyRing {
    return KeyRing.parse([...this.#encryptionKeys].join(','));
  }

  /** @param commaSeparated as PLATFORM_ENCRYPTION_KEY, of an app that has other keys. */
  addKeys(commaSeparated: string): void {
    for (const key of commaSeparated.split(',')) this.#encryptionKeys.add(key);
  }

  env(): Record<string, string> {
    return {
      NODE_ENV: 'test',
      LOG_LEVEL: 'trace',
      HOST: '127.0.0.1',
      RATE_LIMIT_ENABLED: 'false',
      // What is cached is the test's own business.
      CACHE_WARM_USERS: '0',
      // Else made-up hosts would be looked up, and rows change under the tests.
      WATCH_ENABLED: 'false',
      ...PATIENT_WITH_REDIS,
      DATABASE_URL: this.database.pooledUrl ?? this.databaseUrl,
      ...(this.database.pooledUrl !== null && { DATABASE_DIRECT_URL: this.databaseUrl }),
      REDIS_URL: this.redisUrl,
      CACHE_KEY_PREFIX: this.keyPrefix,
      PLATFORM_ENCRYPTION_KEY: this.encryptionKey,
      JWT_SECRET: this.jwtSecret,
    };
  }

  /** The rows of one query. */
  async rows<T>(text: string, values: readonly unknown[] = []): Promise<T[]> {
    return (await this.sql.query(text, [...values])).rows as T[];
  }

  /** The value of a cached entry; null when there is none. Its first line: the second one says whose it is. */
  async cached(key: string): Promise<string | null> {
    return valueIn(await this.redis.get(this.keyPrefix + key));
  }

  /**
   * Returns when the outbox is drained: a relay drops what no writer has dropped, such as SQL by hand, and a test that
   * tells hits from misses must not have that happen between its reads.
   */
  async settled(timeoutMs = 15_000): Promise<void> {
    const drained = async (): Promise<boolean> => {
      const pending = await this.sql.query('SELECT 1 FROM platform_changes WHERE drained_at IS NULL LIMIT 1');
      return pending.rowCount === 0;
    };
    await waitUntil(drained, { timeoutMs, what: 'the outbox to be drained' });
  }

  /** Returns when everybody who listens has been told, or is about to be: what is changed from here on comes after it. */
  async published(): Promise<void> {
    const published = async (): Promise<boolean> => {
      const waiting = await this.sql.query(
        `SELECT 1 FROM platform_changes WHERE event_id IS NULL AND type LIKE 'platform.%' LIMIT 1`,
      );
      return waiting.rowCount === 0;
    };
    await waitUntil(published, { timeoutMs: 15_000, what: 'the events to be published' });
  }

  /** Called by the check of the record as it begins. */
  recordIsChecked(): void {
    this.#recordIsChecked = true;
  }

  /** Only the test's own connections: for servers that go as a whole. */
  async close(): Promise<void> {
    this.redis.destroy();
    await this.sql.end();
  }

  /** @throws when an app ran on these backends and nobody has looked at its record. */
  async remove(): Promise<void> {
    await this.close();
    await this.database.drop();
    if (!this.#recordIsChecked && this.logs.length + this.exchanges.length > 0)
      throw new Error('The record of these backends was never checked: call expectCleanRecord() first');
  }
}
