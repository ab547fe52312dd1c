import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgresTarget } from '../../../src/config/postgres-target.js';
import { PoolClient } from '../../../src/database/pool-client.js';
import { UNLIMITED, postgresConnection } from '../../../src/database/postgres-connection.js';
import { startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { runCli } from '../../support/cli.js';
import { createPlatform, register } from '../../support/factories.js';
import { selfSignedCertificate } from '../../support/fake-instance/certificate.js';
import { type PostgresServer, startPostgres } from '../../support/servers/postgres.js';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/servers/temporary-folder.js';
import { unprivilegedUser } from '../../support/servers/unprivileged-user.js';

const PASSWORD = 'hunter2hunter2';
const HBA = `
host  all ada 127.0.0.1/32 scram-sha-256
host  all all 127.0.0.1/32 trust
local all all              trust
`;

describe('a server with a self-signed certificate', () => {
  let folder: string;
  let ca: string;
  let server: PostgresServer;
  let backends: Backends;

  beforeAll(async () => {
    folder = await makeTemporaryFolder('test-tls-', await unprivilegedUser());
    const { key, cert } = await selfSignedCertificate();
    ca = join(folder, 'ca.pem');
    await writeFile(ca, cert);
    server = await startPostgres({
      files: { 'server.key': key, 'server.crt': cert, 'pg_hba.conf': HBA },
      settings: { ssl: 'on', unix_socket_directories: folder },
    });
    backends = await Backends.create({ postgresUrl: server.url() });
    await backends.rows(`CREATE ROLE ada SUPERUSER LOGIN PASSWORD '${PASSWORD}'`);
  }, 120_000);
  afterAll(async () => {
    await backends?.remove();
    await server?.remove();
    await rm(ca, { force: true });
    await removeTemporaryFolder(folder);
  }, 60_000);

  /** Whether the connection is encrypted. */
  async function encrypted(url: string): Promise<boolean> {
    const options = postgresConnection(
      postgresTarget.parse(url),
      { acquireTimeoutMs: 20_000 },
      UNLIMITED,
      'test',
    );
    const client = new PoolClient(options);
    client.on('error', () => undefined);
    try {
      await client.connect();
      const sql = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
      return (await client.query<{ ssl: boolean }>(sql)).rows[0]?.ssl ?? false;
    } finally {
      await client.end();
    }
  }

  it.each([
    ['', false],
    ['?sslmode=disable', false],
    ['?sslmode=allow', true],
    ['?sslmode=prefer', true],
    ['?sslmode=require', true],
    ['?sslmode=no-verify', true],
    ['?sslmode=require&sslrootcert=CA', true],
    ['?sslmode=verify-ca&sslrootcert=CA', true],
    ['?sslmode=verify-full&sslrootcert=CA', true],
  ])('and the URL with %s: encrypted is %s', async (query, expected) => {
    expect(await encrypted(backends.databaseUrl + query.replace('=CA', `=${ca}`))).toBe(expected);
  });

  it('is refused with verify-full, and with another name than that of the certificate', async () => {
    await expect(encrypted(`${backends.databaseUrl}?sslmode=verify-full`)).rejects.toMatchObject({
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    const byName = backends.databaseUrl.replace('127.0.0.1', 'localhost');
    await expect(encrypted(`${byName}?sslmode=verify-full&sslrootcert=${ca}`)).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(await encrypted(`${byName}?sslmode=verify-ca&sslrootcert=${ca}`)).toBe(true);
  });

  it('is not needed by prefer: a server without TLS is used as it is', async () => {
    const plain = process.env.TEST_DATABASE_URL ?? '';
    expect(await encrypted(`${plain}?sslmode=prefer`)).toBe(false);
    await expect(encrypted(`${plain}?sslmode=require`)).rejects.toThrow(/does not support SSL/);
  });

  it.each(['prefer', 'require'])('serves the application, with a password and sslmode=%s', async (mode) => {
    const DATABASE_URL = `${backends.databaseUrl.replace('postgres@', `ada:${PASSWORD}@`)}?sslmode=${mode}`;
    const app = await startTestApp({ backends, env: { DATABASE_URL } });
    try {
      const ada = await register(app.client, backends.secrets);
      await createPlatform(ada, backends.secrets);
      await backends.settled();
      const plain = await backends.rows(
        `SELECT application_name FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
         WHERE application_name LIKE 'platform-manager%' AND NOT ssl`,
      );
      expect(plain).toEqual([]);
      await app.expectCleanRecord();
    } finally {
      await app.app.close();
    }
  });

  it('is reached by its socket with a URL of the form of libpq', async () => {
    const database = new URL(backends.databaseUrl).pathname;
    const DATABASE_URL = `postgresql://postgres@${database}?host=${folder}&port=${server.port}`;
    expect(await runCli(['migrate'], { ...backends.env(), DATABASE_URL })).toMatchObject({
      code: 0,
      stderr: '',
    });
  });
});
