import { dropTestDatabase } from '../databases.js';
import { ensureBinaries, type ServerKind } from './binaries.js';
import { PgBouncer } from './pgbouncer.js';
import { startPostgres } from './postgres.js';
import { startRedisCluster } from './redis-cluster.js';
import { startRedis } from './redis.js';

/** The servers that all test files of a run share: urls for their environment, and how to end what we started. */
export interface RunServers {
  readonly databaseUrl: string;
  /** Its name; `createMigratedDatabase` makes it at its first call. */
  readonly templateDatabase: string;
  /** The same by way of a pooler; null unless the run is to go through one. */
  readonly poolerUrl: string | null;
  readonly redisUrl: string;
  remove(): Promise<void>;
}

interface SharedServer {
  readonly url: string;
  remove(): Promise<void>;
}

/**
 * Uses the servers of TEST_DATABASE_URL and TEST_REDIS_URL where given, and starts the others; TEST_REDIS_KIND=cluster, a
 * cluster of six nodes. With TEST_POOLER=transaction or session the applications reach PostgreSQL through PgBouncer.
 */
export async function startRunServers(): Promise<RunServers> {
  const { TEST_DATABASE_URL, TEST_REDIS_URL } = process.env;
  const needed: ServerKind[] = [];
  if (!TEST_DATABASE_URL) needed.push('postgres');
  if (!TEST_REDIS_URL) needed.push('redis');
  await ensureBinaries(needed);
  // When one fails to start, the run ends, and the reaper removes the other.
  const [database, redis] = await Promise.all([
    TEST_DATABASE_URL ? external(TEST_DATABASE_URL) : ownPostgres(),
    TEST_REDIS_URL ? external(TEST_REDIS_URL) : ownRedis(),
  ]);
  const pooler = await poolerOf(database.url);
  const templateDatabase = `test_template_${process.pid}`;
  return {
    databaseUrl: database.url,
    templateDatabase,
    poolerUrl: pooler?.through(database.url) ?? null,
    redisUrl: redis.url,
    remove: async () => {
      await pooler?.remove();
      if (TEST_DATABASE_URL) await dropTestDatabase(database.url, templateDatabase);
      await Promise.all([database.remove(), redis.remove()]);
    },
  };
}

function external(url: string): SharedServer {
  return { url, remove: async () => undefined };
}

async function ownPostgres(): Promise<SharedServer> {
  const server = await startPostgres();
  return { url: server.url(), remove: () => server.remove() };
}

async function poolerOf(databaseUrl: string): Promise<PgBouncer | undefined> {
  const mode = process.env.TEST_POOLER;
  if (!mode) return undefined;
  if (mode !== 'transaction' && mode !== 'session')
    throw new Error('TEST_POOLER must be transaction or session');
  return PgBouncer.start({
    port: Number(new URL(databaseUrl).port),
    mode,
    poolSize: mode === 'session' ? 20 : 4,
  });
}

async function ownRedis(): Promise<SharedServer> {
  if (process.env.TEST_REDIS_KIND === 'cluster') {
    const cluster = await startRedisCluster();
    return { url: cluster.url, remove: () => cluster.remove() };
  }
  const server = await startRedis();
  return { url: server.url(), remove: () => server.remove() };
}
