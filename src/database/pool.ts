import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';

/** The connection pool that TypeORM's PostgreSQL driver keeps. */
export function poolOf(dataSource: DataSource): Pool {
  const { driver } = dataSource;
  if (!('master' in driver)) throw new Error('The data source is not connected to PostgreSQL.');
  return driver.master as Pool;
}

/** Numbers of connections; `waiting` counts requests for one. */
export function poolState(dataSource: DataSource): { used: number; idle: number; waiting: number } {
  const { totalCount, idleCount, waitingCount } = poolOf(dataSource);
  return { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
}
