import type { DataSourceOptions } from 'typeorm';
import type { AppConfig } from '../config/app-config.js';
import type { EmbeddedPostgres } from './embedded-postgres.js';
import { MIGRATIONS } from './migrations/index.js';
import { PoolClient } from './pool-client.js';

// The server cancels a statement itself; only when it cannot even answer does the client give up, a little later.
const CLIENT_GRACE_MS = 250;

/**
 * What the API and the CLI connect with. Entities are added by the caller, which is above this module.
 *
 * @param timeouts `request` bounds every statement; `none` is for work that nobody waits for, such as a migration.
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
    // Failed statements reach the caller as errors; TypeORM's log would print their parameters.
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
