import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

// A row: a server, a mode, a function that returns its program, or null where it is not on this machine, and the specs that
// say that it works.

const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file)) ?? null;

function debianPostgres() {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return (
    versions.map((version) => join(root, version, 'bin/postgres')).find((file) => existsSync(file)) ?? null
  );
}

const postgres = () => onPath('postgres') ?? debianPostgres();
const redis = () => onPath('redis-server');
/** `VALKEY_SERVER` names one that is not installed, such as a package that was only unpacked. */
const valkey = () => process.env.VALKEY_SERVER || onPath('valkey-server');

/** @param env of the run, by the program. */
const row = (server, mode, find, specs, env = () => ({})) => ({ server, mode, find, specs, env });
const asRedis = (program) => ({ TEST_REDIS_BINARY: program });
const pooledBy = (mode) => () => ({ TEST_POOLER: mode });

const MAIN_PATH = 'test/e2e/platforms/platforms.spec.ts';
const POOLER = 'test/e2e/database/pooler.spec.ts';
const AS_FOUND = ['src/cache/redis/redis-server.spec.ts', 'test/e2e/cache/redis-as-found.spec.ts'];
const SENTINEL = ['src/cache/redis/redis-sentinel.spec.ts'];
const CLUSTER = ['src/cache/redis/redis-cluster.spec.ts'];
const QUEUE = ['src/watch/queued-rounds.spec.ts', 'test/e2e/watch/watch-queue.spec.ts'];
const FAULTS = ['test/fault/redis-killed.spec.ts', 'test/fault/redis-refusing.spec.ts'];

export const TABLE = [
  row('PostgreSQL', 'direct', postgres, [MAIN_PATH, 'test/e2e/database/database.spec.ts']),
  row('PostgreSQL', 'TLS', postgres, ['test/e2e/database/tls.spec.ts']),
  row('PostgreSQL', 'read replica', postgres, ['test/e2e/database/replica.spec.ts']),
  row('PostgreSQL', 'behind PgBouncer, session', postgres, [MAIN_PATH], pooledBy('session')),
  row('PostgreSQL', 'behind PgBouncer, transaction', postgres, [MAIN_PATH, POOLER], pooledBy('transaction')),
  row('PostgreSQL', 'replica promoted', postgres, ['test/fault/postgres-failover.spec.ts']),
  row('Redis', 'one server', redis, [MAIN_PATH, 'test/e2e/cache/cache.spec.ts']),
  row('Redis', 'ACL user, socket, one node of a cluster', redis, AS_FOUND),
  row('Redis', 'TLS, also of sentinels', redis, ['test/e2e/cache/redis-tls.spec.ts']),
  row('Redis', 'Sentinel, also with a password', redis, SENTINEL),
  row('Redis', 'Cluster', redis, CLUSTER),
  row('Redis', 'queue: one server, Cluster, Sentinel', redis, QUEUE),
  row('Valkey', 'one server', valkey, [MAIN_PATH, 'test/e2e/cache'], asRedis),
  row('Valkey', 'cache: one server, ACL user, Sentinel, Cluster', valkey, ['src/cache'], asRedis),
  row('Valkey', 'queue: one server, Cluster, Sentinel', valkey, QUEUE, asRedis),
  row('Valkey', 'killed, full, read-only', valkey, FAULTS, asRedis),
];

/** What a program says of itself: 15.18, 7.0.15. */
export function versionOf(program) {
  const said = execFileSync(program, ['--version'], { encoding: 'utf8' });
  return /(?:v=|\s)(\d+(?:\.\d+)+)/.exec(said)?.[1] ?? '?';
}
