import type { DataSourceOptions } from 'typeorm';
import type { AppConfig } from '../config/app-config.js';
import type { EmbeddedPostgres } from './embedded-postgres.js';
import { MIGRATIONS } from './migrations/index.js';
import { UNLIMITED, postgresConnection, requestLimits } from './postgres-connection.js';
import { ADOPT_PRIMARY } from './primary.js';

/** Two show whether a pooler lends its sessions. */
const DIRECT_CONNECTIONS = 2;

/**
 * Options with which the API and the CLI connect. The caller adds the entities: it is above this module.
 *
 * @param timeouts `request` bounds every statement; `none` is for work that no request waits for, such as a migration. It
 * goes to the direct target, and the tables may not be there yet.
 */
export function dataSourceOptions(
  config: AppConfig,
  embedded: EmbeddedPostgres | null,
  timeouts: 'request' | 'none' = 'request',
): DataSourceOptions {
  const { poolMax, acquireTimeoutMs, statementTimeoutMs } = config.database;
  const target = timeouts === 'none' ? config.database.direct : config.database.target;
  const shared = {
    type: 'postgres',
    synchronize: false,
    migrationsRun: false,
    migrations: MIGRATIONS,
    // Off: TypeORM's log would print parameters. Failed statements reach the caller as errors.
    logging: false,
    installExtensions: false,
  } as const;
  if (embedded !== null) return { ...shared, extra: embedded.poolOptions(acquireTimeoutMs) };
  if (target.kind !== 'postgres') throw new Error('An embedded database needs its open PGlite.');
  const limits = timeouts === 'none' ? UNLIMITED : requestLimits(statementTimeoutMs);
  const { database } = target.connection;
  return {
    ...shared,
    ...(database !== undefined && { database }),
    poolSize: timeouts === 'none' ? DIRECT_CONNECTIONS : poolMax,
    extra: postgresConnection(
      target,
      config.database,
      limits,
      'platform-manager',
      timeouts === 'none' ? undefined : ADOPT_PRIMARY,
    ),
  };
}
