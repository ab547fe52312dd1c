import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { runCli } from '../../support/cli.js';
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
    backends = await Backends.create();
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

  it.each(CASES)('because of %s says so in one line, with the remedy', async (_, url, line) => {
    const env = {
      ...backends.env(),
      LOG_LEVEL: 'info',
      DATABASE_URL: url(),
      DATABASE_ACQUIRE_TIMEOUT_MS: url().includes(String(silentPort())) ? '500' : '20000',
    };
    const { code, stderr, output } = await startInVain(env);
    expect(stderr).toMatch(/^DATABASE_URL cannot be used: [^\n]+\n$/);
    expect(stderr).toMatch(line);
    expect(output).not.toMatch(/hunter2|\n\s+at |"stack"|Retrying/);
    expect(code).toBe(1);
  });

  it('because it may not create pg_trgm gives the SQL for the administrator, and starts after that', async () => {
    await backends.sql.query(`CREATE SCHEMA own AUTHORIZATION ${role.name}`);
    const env = { ...backends.env(), DATABASE_URL: `${role.url}?options=-csearch_path%3Down` };
    const { code, stderr } = await startInVain({ ...env, LOG_LEVEL: 'info' });
    expect(code).toBe(1);
    const sql =
      /^DATABASE_URL cannot be used: .* in the database test_\w+: (CREATE EXTENSION \w+) \(42501\)\n$/;
    const [, create = ''] = sql.exec(stderr) ?? [stderr];
    expect(create).toBe('CREATE EXTENSION pg_trgm');
    await backends.sql.query(create);
    expect(await runCli(['migrate'], env)).toMatchObject({ code: 0, stderr: '' });
    const tables = await backends.rows(
      `SELECT 1 FROM pg_tables WHERE schemaname = 'own' AND tablename = 'users'`,
    );
    expect(tables).toHaveLength(1);
    expect(await backends.rows(`SELECT 1 FROM pg_tables WHERE schemaname = 'public'`)).toEqual([]);
  });

  it.each([
    [
      'a stray % in the password',
      { DATABASE_URL: 'postgres://ada:hunter2%zz@db/app' },
      'DATABASE_URL',
      /%25 for %/,
    ],
    [
      'an unknown sslmode',
      { DATABASE_URL: 'postgres://ada:hunter2@db/app?sslmode=on' },
      'DATABASE_URL',
      /sslmode of disable/,
    ],
    [
      'the same in the replica',
      { DATABASE_REPLICA_URL: 'postgres://ada:hunter2%@db/app' },
      'DATABASE_REPLICA_URL',
      /%25 for %/,
    ],
    [
      'a setting that is one letter off',
      { DATABASE_URL: '', DATABSE_URL: 'postgres://ada:hunter2@db/app' },
      'DATABSE_URL',
      /is no setting; DATABASE_URL is/,
    ],
    ['a port that is none', { PORT: 'abc' }, 'PORT', /must be a TCP port, 0 to 65535; got abc/],
  ])('because of %s names the variable in one line', async (_, wrong, name, remedy) => {
    const { code, stderr, output } = await startInVain({ ...backends.env(), LOG_LEVEL: 'info', ...wrong });
    expect(stderr).toMatch(new RegExp(`^The configuration is not valid: ${name}: [^\\n]+\\n$`));
    expect(stderr).toMatch(remedy);
    expect(output).not.toMatch(/hunter2|\n\s+at /);
    expect(code).toBe(1);
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
    [
      'an unknown name as HOST',
      () => ({ PORT: '0', HOST: 'no-such-name.invalid' }),
      /^HOST: .*no-such-name\.invalid.* \((ENOTFOUND|EAI_AGAIN)\)/,
    ],
    [
      'an address of another machine as HOST',
      () => ({ PORT: '0', HOST: '192.0.2.1' }),
      /^HOST: 192\.0\.2\.1 is no address of this machine \(EADDRNOTAVAIL\)/,
    ],
  ])('because of %s names the variable in one line (%#)', async (_, wrong, line) => {
    await waitUntil(async () => silent.listening, { timeoutMs: 5000, what: 'the port to be taken' });
    const { code, stderr, output } = await startInVain({ ...backends.env(), LOG_LEVEL: 'info', ...wrong() });
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(output).not.toMatch(/\n\s+at |"stack"/);
    expect(code).toBe(1);
  });
});
