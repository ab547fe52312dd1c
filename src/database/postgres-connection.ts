import type { AppConfig } from '../config/app-config.js';
import type { PostgresTarget } from '../config/postgres-target.js';
import { PoolClient, type PoolClientConfig } from './pool-client.js';
import { COLUMN_TYPES } from './times.js';

/** Milliseconds; 0 is no limit. */
export interface SessionLimits {
  readonly statementMs: number;
  readonly idleInTransactionMs: number;
}

/** For what requests wait for. */
export const requestLimits = (statementTimeoutMs: number): SessionLimits => ({
  statementMs: statementTimeoutMs,
  idleInTransactionMs: statementTimeoutMs * 2,
});
/** For work that no request waits for, such as a migration. */
export const UNLIMITED: SessionLimits = { statementMs: 0, idleInTransactionMs: 0 };

// The server cancels a statement itself. The client gives up a little later, in case the server cannot even answer.
const CLIENT_GRACE_MS = 250;

/** What the server, the database or the role may have set to something else, and what this application counts on. */
const SETTINGS = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  lock_timeout: '0',
  idle_session_timeout: '0',
};

/** Options of node-postgres for a client or a pool. The pool calls `onConnect`. For a single client, call it yourself. */
export interface PostgresConnection extends PoolClientConfig {
  readonly Client: typeof PoolClient;
  readonly onConnect: (client: PoolClient) => Promise<void>;
}

/**
 * How every connection to PostgreSQL is opened: those of the pool, the relay, the migrations and the replica. Settings are
 * sent in one statement after connecting and not as start-up parameters, most of which a pooler refuses. A session that a
 * pooler lends is left as it is, because others get it too: there they are sent with each transaction.
 *
 * @param also a statement that follows the settings wherever they are sent.
 */
export function postgresConnection(
  target: PostgresTarget,
  { acquireTimeoutMs }: Pick<AppConfig['database'], 'acquireTimeoutMs'>,
  limits: SessionLimits,
  applicationName: string,
  also = '',
): PostgresConnection {
  const { statementMs } = limits;
  return {
    ...target.connection,
    tlsIsOptional: target.tls === 'prefer',
    application_name: applicationName,
    connectionTimeoutMillis: acquireTimeoutMs,
    keepAlive: true,
    types: COLUMN_TYPES,
    query_timeout: statementMs === 0 ? undefined : statementMs + CLIENT_GRACE_MS,
    Client: PoolClient,
    onConnect: async (client) => {
      // A pooler greets with a number of its own. The server compares, so that nothing is set in a session that is lent.
      const own = `WHERE pg_backend_pid() = ${client.processID}`;
      const { rowCount } = await client.query(`${settingsSql(limits, 'session')} ${own}`);
      if (rowCount === 0) client.poolSession([settingsSql(limits, 'transaction'), also].join('; '));
      // By itself: the time-outs of the role bound the settings.
      else if (also !== '') await client.query(also);
    },
  };
}

function settingsSql(
  { statementMs, idleInTransactionMs }: SessionLimits,
  scope: 'session' | 'transaction',
): string {
  const isLocal = scope === 'transaction';
  const settings = {
    ...SETTINGS,
    statement_timeout: String(statementMs),
    idle_in_transaction_session_timeout: String(idleInTransactionMs),
  };
  const calls = Object.entries(settings).map(
    ([name, value]) => `set_config('${name}', '${value}', ${isLocal})`,
  );
  // New in PostgreSQL 17.
  const late = `CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL
    THEN set_config('transaction_timeout', '0', ${isLocal}) END`;
  return `SELECT ${[...calls, late].join(', ')}`;
}
