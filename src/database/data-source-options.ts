import type { DataSourceOptions } from 'typeorm';
import type { AppConfig } from '../config/app-config.js';
import type { EmbeddedPostgres } from './embedded-postgres.js';
import { MIGRATIONS } from './migrations/index.js';
import { PoolClient } from './pool-client.js';

// The server cancels a statement itself. The client gives up a little later, in case the server cannot even answer.
const CLIENT_GRACE_MS = 250;

/**
 * Options with which the API and the CLI connect. The caller adds the entities: it is above this module.
 *
 * @param timeouts `request` bounds every statement; `none` is for work that no request waits for, such as a migration.
 */
export function dataSourceOptions(
  config: AppConfig,
  embedded: EmbeddedPostgres | null,
  timeouts: 'request' | 'none' = 'request',
): DataSourceOptions {
  const { target, poolMax, acquireTimeoutMs, statementTimeoutMs } = config.database;
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
  return {
    ...shared,
    url: target.url,
    poolSize: timeouts === 'none' ? 1 : poolMax,
    connectTimeoutMS: acquireTimeoutMs,
    applicationName: 'platform-manager',
    extra: {
      Client: PoolClient,
      keepAlive: true,
      ...(timeouts === 'request' && {
        statement_timeout: statementTimeoutMs,
        query_timeout: statementTimeoutMs + CLIENT_GRACE_MS,
        idle_in_transaction_session_timeout: statementTimeoutMs * 2,
      }),
    },
  };
}
