import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';
import { PoolClient } from './pool-client.js';

/** The connection pool that TypeORM's PostgreSQL driver keeps. */
export function poolOf(dataSource: DataSource): Pool {
  const { driver } = dataSource;
  if (!('master' in driver)) throw new Error('The data source is not connected to PostgreSQL.');
  return driver.master as Pool;
}

/**
 * Call this before the pool is used.
 *
 * @returns what ends the connections that the pool has by then, but not those to a pooler. Those in use fail.
 */
export function connectionEnder(dataSource: DataSource): () => void {
  const pool = poolOf(dataSource);
  const open = new Set<PoolClient>();
  pool.on('acquire', (client) => {
    if (client instanceof PoolClient && !client.isPooled) open.add(client);
  });
  pool.on('remove', (client) => {
    if (client instanceof PoolClient) open.delete(client);
  });
  return () => {
    for (const client of open) client.destroy();
  };
}

/** Numbers of connections; `waiting` counts requests for one. */
export function poolState(dataSource: DataSource): { used: number; idle: number; waiting: number } {
  const { totalCount, idleCount, waitingCount } = poolOf(dataSource);
  return { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
}
