import { DataSource, type EntityManager } from 'typeorm';
import { StartFailure } from '../common/start-failure.js';
import type { AppConfig } from '../config/app-config.js';
import { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import { dataSourceOptions } from '../database/data-source-options.js';
import { PoolClient } from '../database/pool-client.js';
import { requireOwnSession } from '../database/pooler.js';
import { UNLIMITED, postgresConnection } from '../database/postgres-connection.js';
import { openingDatabase } from '../database/start-failures.js';
import type { Finding } from './doctor.js';

/** The oldest release that the tests run on. */
const OLDEST_VERSION = 150_000;
/** With more than that, logs are hard to compare, and tokens end early or late. */
const MAX_CLOCK_DIFFERENCE_MS = 2000;

interface Server {
  readonly version: string;
  readonly number: number;
  readonly encoding: string;
  readonly standby: boolean;
  readonly nowMs: number;
  readonly mayCreate: boolean;
  readonly schema: string | null;
  readonly role: string;
  readonly connections: number;
  readonly migrated: boolean;
}

const SERVER_SQL = `
  SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer AS number,
    current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby,
    (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "nowMs", current_schema() AS schema, current_user AS role,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS "mayCreate",
    current_setting('max_connections')::integer AS connections, to_regclass('key_canary') IS NOT NULL AS migrated`;

/** Reads only. */
export async function examineDatabase(config: AppConfig): Promise<Finding[]> {
  const { target } = config.database;
  if (target.kind === 'embedded')
    return [
      {
        level: 'ok',
        subject: 'database',
        text: `embedded in ${target.dataDir}; set DATABASE_URL for more than a trial`,
      },
    ];
  try {
    return await openingDatabase(config.database, 'direct', async () => {
      const dataSource = await new DataSource(dataSourceOptions(config, null, 'none')).initialize();
      try {
        await requireOwnSession(dataSource);
        return [...(await examine(dataSource, config)), ...(await pool(config))];
      } finally {
        await dataSource.destroy();
      }
    });
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error;
    return [{ level: 'fault', subject: 'database', text: error.message }];
  }
}

/** The way of the requests, where it is another one. */
async function pool(config: AppConfig): Promise<Finding[]> {
  const { target, direct } = config.database;
  if (target === direct || target.kind !== 'postgres') return [];
  await openingDatabase(config.database, 'target', async () => {
    const client = new PoolClient(postgresConnection(target, config.database, UNLIMITED, 'platform-manager'));
    await client.connect();
    await client.end();
  });
  return [
    {
      level: 'ok',
      subject: 'DATABASE_URL',
      text: 'answers too; what needs a session of its own goes to DATABASE_DIRECT_URL',
    },
  ];
}

async function examine({ manager }: DataSource, config: AppConfig): Promise<Finding[]> {
  const sentAt = Date.now();
  const [server] = await manager.query<[Server]>(SERVER_SQL);
  const findings = [version(server), ...faultsOf(server, config), clock(server, sentAt, Date.now())];
  return server.migrated ? [...findings, await keys(manager, config)] : [...findings, NOT_MIGRATED];
}

const NOT_MIGRATED: Finding = {
  level: 'warning',
  subject: 'database',
  text: 'has none of our tables yet; the first start makes them, or "npm run cli -- migrate"',
};

function version({ version: name, number }: Server): Finding {
  return number >= OLDEST_VERSION
    ? { level: 'ok', subject: 'database', text: `PostgreSQL ${name} answers` }
    : { level: 'warning', subject: 'database', text: `PostgreSQL ${name} is older than what is tested (15)` };
}

function faultsOf(server: Server, { database: { poolMax } }: AppConfig): Finding[] {
  const { encoding, standby, mayCreate, schema, role, connections } = server;
  const faults: (Omit<Finding, 'subject'> | false)[] = [
    encoding !== 'UTF8' && {
      level: 'fault',
      text: `its encoding is ${encoding}, which does not hold all text: create one with ENCODING 'UTF8' TEMPLATE template0`,
    },
    standby && { level: 'fault', text: 'it is a standby: the URL must name the primary' },
    !mayCreate && {
      level: 'fault',
      text:
        schema === null
          ? 'no schema of the search path exists: CREATE SCHEMA, or ALTER ROLE … SET search_path'
          : `${role} may not migrate: let an administrator run GRANT USAGE, CREATE ON SCHEMA ${schema} TO "${role}"`,
    },
    connections <= poolMax && {
      level: 'warning',
      text: `max_connections is ${connections}, and one process takes ${poolMax + 1}: raise it or lower DATABASE_POOL_MAX`,
    },
  ];
  return faults.flatMap((fault) => (fault === false ? [] : [{ ...fault, subject: 'database' }]));
}

function clock({ nowMs }: Server, sentAt: number, receivedAt: number): Finding {
  const behind = sentAt - nowMs;
  const ahead = nowMs - receivedAt;
  const difference = Math.round(Math.max(behind, ahead, 0));
  return difference <= MAX_CLOCK_DIFFERENCE_MS
    ? { level: 'ok', subject: 'clock', text: 'agrees with the database' }
    : {
        level: 'warning',
        subject: 'clock',
        text: `differs from the database's by ${difference} ms: run NTP on both`,
      };
}

async function keys(manager: EntityManager, { encryptionKeys }: AppConfig): Promise<Finding> {
  const ring = KeyRing.parse(encryptionKeys);
  const subject = 'PLATFORM_ENCRYPTION_KEY';
  const [canary] = await manager.query<{ token: string; keyId: string }[]>(
    'SELECT token, key_id AS "keyId" FROM key_canary',
  );
  if (canary !== undefined && readable(() => ring.decrypt(canary.token, canary.keyId)) === null)
    return {
      level: 'fault',
      subject,
      text: `does not open this database, which needs the key ${canary.keyId}`,
    };
  const [row] = await manager.query<[{ others: number }]>(
    'SELECT count(*)::integer AS others FROM platform_connections WHERE key_id <> $1',
    [ring.primaryKeyId],
  );
  return row.others === 0
    ? { level: 'ok', subject, text: `${ring.primaryKeyId} is the key of all connections` }
    : { level: 'warning', subject, text: `${row.others} connections are under other keys: run keys:rotate` };
}
