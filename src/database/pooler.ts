import type { DataSource, QueryRunner } from 'typeorm';
import { PoolClient } from './pool-client.js';
import { UnsuitableDatabase } from './start-failures.js';

/** The first one shows it, unless other programs use the pooler at the same time. */
const ROUNDS = 3;

/**
 * Locks of a session and LISTEN need a session that stays. A pooler may give each transaction another one, as PgBouncer
 * does with `pool_mode = transaction`.
 *
 * @throws {UnsuitableDatabase} when there is such a pooler.
 */
export async function requireOwnSession(dataSource: DataSource): Promise<void> {
  const one = dataSource.createQueryRunner();
  const other = dataSource.createQueryRunner();
  try {
    const client: unknown = await one.connect();
    if (!(client instanceof PoolClient) || !client.isPooled) return;
    if (await keepTheirSessions(one, other)) return;
    throw new UnsuitableDatabase(
      'a pooler there gives each transaction another session (PgBouncer: pool_mode=transaction), but LISTEN and ' +
        'migrations need one of their own: set DATABASE_DIRECT_URL to the URL of PostgreSQL itself',
    );
  } finally {
    await one.release();
    await other.release();
  }
}

/** Whether each of two open connections always has the same session, and not the other's. */
async function keepTheirSessions(one: QueryRunner, other: QueryRunner): Promise<boolean> {
  const sessions = [new Set<number>(), new Set<number>()] as const;
  for (let round = 0; round < ROUNDS; round++) {
    sessions[0].add(await sessionOf(one));
    sessions[1].add(await sessionOf(other));
  }
  return new Set([...sessions[0], ...sessions[1]]).size === 2 && sessions[0].size === 1;
}

async function sessionOf(runner: QueryRunner): Promise<number> {
  const [session] = (await runner.query('SELECT pg_backend_pid() AS pid')) as unknown as [{ pid: number }];
  return session.pid;
}

/** What two ways to the same database have in common. */
export async function placeOf(dataSource: DataSource): Promise<string> {
  const [found] = await dataSource.query<[{ place: string }]>(
    `SELECT id || ' ' || 'installation'::regclass::oid AS place FROM installation`,
  );
  return found.place;
}
