import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { CLIENT_OPTIONS, newClient } from '../../src/cache/redis/redis-client.js';
import { rawRedis } from './raw-redis.js';

const CONNECT_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 30_000;
const COUNTER_KEY = 'test-support:databases-handed-out';
/** What Redis has unless configured otherwise, for servers that do not let us ask. */
const DEFAULT_REDIS_DATABASES = 16;

export interface TestDatabase {
  readonly url: string;
  /** By way of the run's pooler; null without one, or on another server. */
  readonly pooledUrl: string | null;
  /** Disconnects whoever is still there. */
  drop(): Promise<void>;
}

export interface TestRedis {
  readonly url: string;
  flush(): Promise<void>;
}

/** An empty database of the caller's own, on the run's PostgreSQL unless another server is given by its URL. */
export async function createTestDatabase(own?: string): Promise<TestDatabase> {
  const server = own ?? required('TEST_DATABASE_URL');
  const name = newName();
  await execute(server, `CREATE DATABASE ${name}`);
  return testDatabase(server, name, own === undefined ? process.env.TEST_POOLER_URL : undefined);
}

/** One on the run's PostgreSQL that has the application's tables, as a first start leaves them. Its installation's id is the template's. */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  const server = required('TEST_DATABASE_URL');
  const name = newName();
  await withPostgres(server, async (client) => {
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${await template(client, server)}`);
  });
  return testDatabase(server, name, process.env.TEST_POOLER_URL);
}

/** Whoever is still in it is disconnected. */
export async function dropTestDatabase(server: string, name: string): Promise<void> {
  await execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

function testDatabase(server: string, name: string, pooler: string | undefined): TestDatabase {
  return {
    url: at(server, name),
    pooledUrl: pooler === undefined ? null : at(pooler, name),
    drop: () => dropTestDatabase(server, name),
  };
}

function newName(): string {
  return `test_${process.pid}_${randomBytes(6).toString('hex')}`;
}

/** The worker that first needs it makes it. */
async function template(client: pg.Client, server: string): Promise<string> {
  const name = required('TEST_TEMPLATE_DATABASE');
  const exists = async (): Promise<boolean> =>
    (await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])).rowCount === 1;
  if (await exists()) return name;
  await client.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
  if (await exists()) return name;
  const unfinished = `${name}_unfinished`;
  await client.query(`CREATE DATABASE ${unfinished}`);
  // Not at the top: whoever needs only a Redis does not load all of the application.
  const { migrateDatabase } = await import('../../src/cli/with-database.js');
  const { loadConfig } = await import('../../src/config/load-config.js');
  const env = {
    NODE_ENV: 'test',
    DATABASE_URL: at(server, unfinished),
    PLATFORM_ENCRYPTION_KEY: `${randomBytes(32).toString('base64url')}=`,
    JWT_SECRET: randomBytes(48).toString('base64url'),
  };
  await migrateDatabase(loadConfig(env));
  await client.query(`ALTER DATABASE ${unfinished} RENAME TO ${name}`);
  return name;
}

function at(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

/**
 * A Redis database number of the caller's own, flushed, on the run's Redis. The numbers come round again: after 255
 * callers on our own server, after 15 on an ordinary one. Publish and subscribe know no numbers: channels are shared.
 */
export async function createTestRedis(): Promise<TestRedis> {
  const server = required('TEST_REDIS_URL');
  if (server.includes(',')) return wholeCluster(server);
  const number = await withRedis(server, 0, async (client) => {
    const usable = (await databaseCount(client)) - 1; // the counter lives in database 0
    if (usable < 1) throw new Error('The Redis of TEST_REDIS_URL has one database only; the tests need two');
    return 1 + ((await client.incr(COUNTER_KEY)) % usable);
  });
  const flush = (): Promise<void> =>
    withRedis(server, number, async (client) => {
      await client.flushDb();
    });
  await flush();
  return { url: redisUrl(server, number), flush };
}

/** A cluster has no database numbers: the caller has all of it, so test files have to run one after the other. */
async function wholeCluster(url: string): Promise<TestRedis> {
  const flush = async (): Promise<void> => {
    const cluster = rawRedis(url);
    await cluster.connect();
    await cluster.flushDb();
    cluster.destroy();
  };
  await flush();
  return { url, flush };
}

async function execute(url: string, sql: string): Promise<void> {
  await withPostgres(url, (client) => client.query(sql));
}

async function withPostgres(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

type RedisClient = ReturnType<typeof connectTo>;

function connectTo(url: string, database: number) {
  const socket = { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false as const };
  return newClient()({ url: redisUrl(url, database), ...CLIENT_OPTIONS, socket, disableOfflineQueue: true });
}

async function withRedis<T>(
  url: string,
  database: number,
  use: (client: RedisClient) => Promise<T>,
): Promise<T> {
  const client = connectTo(url, database);
  client.on('error', () => undefined); // the failed call below reports it; without a listener the process dies
  await client.connect();
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}

async function databaseCount(client: RedisClient): Promise<number> {
  const config = await client.configGet('databases').catch(() => ({}) as Record<string, string>);
  return Number(config.databases ?? DEFAULT_REDIS_DATABASES);
}

function redisUrl(server: string, database: number): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

function required(name: 'TEST_DATABASE_URL' | 'TEST_TEMPLATE_DATABASE' | 'TEST_REDIS_URL'): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`${name} is not set: Jest's global-setup.ts sets it, so run the tests through Jest`);
  return value;
}
