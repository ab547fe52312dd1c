import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { migrateDatabase } from '../../../src/cli/with-database.js';
import { StartFailure } from '../../../src/common/start-failure.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type DatabaseRole, createRole } from '../../support/database-role.js';
import { selfSignedCertificate } from '../../support/fake-instance/certificate.js';
import { freePort } from '../../support/servers/free-port.js';
import { type PostgresServer, startPostgres } from '../../support/servers/postgres.js';
import { startInVain } from '../../support/start-in-vain.js';

const PASSWORD = 'hunter2hunter2';
const HBA = `
hostssl all tls_only 127.0.0.1/32 trust
host    all tls_only 127.0.0.1/32 reject
host    all ada      127.0.0.1/32 scram-sha-256
host    all all      127.0.0.1/32 trust
`;

describe('a start that cannot succeed', () => {
  let backends: Backends;
  let role: DatabaseRole;
  let own: PostgresServer;
  /** Takes connections and says nothing. */
  let silent: Server;
  const free: number[] = [];

  beforeAll(async () => {
    backends = await Backends.create({ empty: true });
    role = await createRole(backends);
    const { key, cert } = await selfSignedCertificate();
    const files = { 'server.key': key, 'server.crt': cert, 'pg_hba.conf': HBA };
    own = await startPostgres({ files, settings: { ssl: 'on' } });
    const ada = await Backends.create({ postgresUrl: own.url() });
    await ada.sql.query(`CREATE ROLE ada LOGIN PASSWORD '${PASSWORD}'`);
    await ada.sql.query('CREATE ROLE tls_only LOGIN');
    await ada.sql.query(`CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
    await ada.sql.query(`CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`);
    await ada.remove();
    free.push(await freePort());
    silent = createServer().listen(0, '127.0.0.1');
  }, 120_000);
  afterAll(async () => {
    silent?.close();
    await own?.remove();
    await role?.drop();
    await backends?.remove();
  }, 60_000);

  const at = (server: PostgresServer, user: string, database = 'postgres'): string =>
    `postgres://${user}@127.0.0.1:${server.port}/${database}`;
  const silentPort = (): number => {
    const address = silent.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  };

  const CASES: [string, () => string, RegExp][] = [
    [
      'an unknown host',
      () => `postgres://ada:${PASSWORD}@no-such-host.invalid/app`,
      /the(re is no)? host no-such-host\.invalid.* \((ENOTFOUND|EAI_AGAIN)\)/,
    ],
    [
      'a closed port',
      () => `postgres://ada:${PASSWORD}@127.0.0.1:${free[0]}/app`,
      /nothing listens at 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
    ],
    [
      'a silent server',
      () => `postgres://ada:${PASSWORD}@127.0.0.1:${silentPort()}/app`,
      /did not answer within 500 ms \(DATABASE_ACQUIRE_TIMEOUT_MS\)/,
    ],
    [
      'no socket',
      () => `postgresql://ada:${PASSWORD}@/app?host=/nowhere`,
      /there is no socket \/nowhere\/\.s\.PGSQL\.5432 \(ENOENT\)/,
    ],
    [
      'a wrong password',
      () => at(own, 'ada:wrong'),
      /the password for the user ada is wrong, or there is no such user \(28P01\)/,
    ],
    ['no password', () => at(own, 'ada'), /asks for a password for the user ada, and the URL has none/],
    [
      'no such database',
      () => at(own, `ada:${PASSWORD}`, 'absent'),
      /no database absent: create it, CREATE DATABASE "absent" ENCODING 'UTF8' .*\(3D000\)/,
    ],
    [
      'a self-signed certificate',
      () => `${at(own, 'postgres')}?sslmode=verify-full`,
      /certificate of .* cannot be verified: name its CA with sslrootcert=FILE, or .* sslmode=require \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
    ],
    [
      'a server without TLS',
      () => `${backends.databaseUrl}?sslmode=require`,
      /offers no TLS: enable it there, or use sslmode=prefer or disable/,
    ],
    ['a server that insists on TLS', () => at(own, 'tls_only'), /add \?sslmode=require/],
    [
      'LATIN1',
      () => at(own, 'postgres', 'latin'),
      /the database latin has the encoding LATIN1, not UTF8: .*ENCODING 'UTF8'/,
    ],
    ['SQL_ASCII', () => at(own, 'postgres', 'ascii'), /the encoding SQL_ASCII/],
    [
      'no right to create tables',
      () => role.url,
      /schema public: let an administrator run GRANT USAGE, CREATE ON SCHEMA public TO "test_role_\w+" \(42501\)/,
    ],
    [
      'no schema',
      () => `${backends.databaseUrl}?options=-csearch_path%3Dnowhere`,
      /no schema of the search path exists: .* \(3F000\)/,
    ],
  ];

  const settings = (url: string): Record<string, string> => ({
    ...backends.env(),
    LOG_LEVEL: 'info',
    DATABASE_URL: url,
    DATABASE_ACQUIRE_TIMEOUT_MS: url.includes(String(silentPort())) ? '500' : '20000',
  });
  /** Opens the database as a start does. */
  const open = (url: string): Promise<string[]> => migrateDatabase(loadConfig(settings(url)));

  it.each(CASES)('because of %s is explained in one line, with the remedy', async (_, url, line) => {
    const failure = await open(url()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StartFailure);
    const { message } = failure as StartFailure;
    expect(message).toMatch(/^DATABASE_URL cannot be used: [^\n]+$/);
    expect(message).toMatch(line);
    expect(message).not.toMatch(/hunter2/);
  });

  // One process each for the database and the configuration: it prints such a line and nothing else, whatever the reason.
  it.each([
    [
      'the database',
      () => settings(at(own, `ada:${PASSWORD}`, 'absent')),
      /^DATABASE_URL cannot be used: [^\n]+ \(3D000\)\n$/,
    ],
    [
      'the configuration',
      () => ({ ...settings(''), DATABSE_URL: `postgres://ada:${PASSWORD}@db/app` }),
      /^The configuration is not valid: DATABSE_URL: is no setting; DATABASE_URL is\n$/,
    ],
  ])('because of %s ends at once, with that line only', async (_, env, line) => {
    const { code, stderr, output } = await startInVain(env());
    expect(stderr).toMatch(line);
    expect(output).not.toMatch(/hunter2|\n\s+at |"stack"|Retrying/);
    expect(code).toBe(1);
  });

  it('because it may not create pg_trgm gives the SQL for the administrator, and starts after that', async () => {
    await backends.sql.query(`CREATE SCHEMA own AUTHORIZATION ${role.name}`);
    const url = `${role.url}?options=-csearch_path%3Down`;
    const { message } = (await open(url).catch((error: unknown) => error)) as Error;
    const sql =
      /^DATABASE_URL cannot be used: .* in the database test_\w+: (CREATE EXTENSION \w+) \(42501\)$/;
    const [, create = ''] = sql.exec(message) ?? [message];
    expect(create).toBe('CREATE EXTENSION pg_trgm');
    await backends.sql.query(create);
    expect((await open(url)).length).toBeGreaterThan(10);
    const tables = await backends.rows(
      `SELECT 1 FROM pg_tables WHERE schemaname = 'own' AND tablename = 'users'`,
    );
    expect(tables).toHaveLength(1);
    expect(await backends.rows(`SELECT 1 FROM pg_tables WHERE schemaname = 'public'`)).toEqual([]);
  });

  it.each([
    [
      'a port that is taken',
      () => ({ PORT: String(silentPort()) }),
      /^PORT: another program listens on port \d+ of 127\.0\.0\.1 already \(EADDRINUSE\)/,
    ],
    [
      'a port of the metrics that is taken',
      () => ({ PORT: '0', METRICS_PORT: String(silentPort()) }),
      /^METRICS_PORT: another program listens/,
    ],
  ])('because of %s names the variable in one line', async (_, wrong, line) => {
    await waitUntil(async () => silent.listening, { timeoutMs: 30_000, what: 'the port to be taken' });
    const { code, stderr, output } = await startInVain({ ...backends.env(), LOG_LEVEL: 'info', ...wrong() });
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(output).not.toMatch(/\n\s+at |"stack"/);
    expect(code).toBe(1);
  });
});
