import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgresTarget } from './postgres-target.js';

const CA = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';

describe('DATABASE_URL', () => {
  let folder: string;
  let ca: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'postgres-target-'));
    ca = join(folder, 'ca.pem');
    writeFileSync(ca, CA);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    [
      'postgres://ada:p%25a%40%2Fss@db:6432/app',
      { user: 'ada', password: 'p%a@/ss', host: 'db', port: 6432 },
    ],
    ['postgresql://ada@db/app', { user: 'ada', host: 'db', port: 5432, database: 'app' }],
    ['postgresql://ada@/app?host=/run/postgresql', { user: 'ada', host: '/run/postgresql', database: 'app' }],
    ['postgresql:///app?host=/run/postgresql&user=ada&port=6432', { user: 'ada', port: 6432 }],
    ['postgresql://ada@%2Frun%2Fpostgresql/app', { host: '/run/postgresql', database: 'app' }],
    ['postgres://ada@[::1]/app', { host: '::1' }],
    ['postgres://ada@db', { database: 'ada' }],
    ['postgres://ada@db/app?options=-csearch_path%3Down', { options: '-csearch_path=own' }],
    ['postgres://ada@db/app?max=1&statement_timeout=1', { database: 'app' }],
  ])('%s is read as libpq reads it', (url, connection) => {
    const target = postgresTarget.parse(url);
    expect(target.connection).toMatchObject(connection);
    expect(Object.keys(target.connection)).not.toEqual(expect.arrayContaining(['max', 'statement_timeout']));
  });

  it.each([
    ['', 'off', false],
    ['?sslmode=disable', 'off', false],
    ['?ssl=false', 'off', false],
    ['?sslmode=allow', 'prefer', { rejectUnauthorized: false }],
    ['?sslmode=prefer', 'prefer', { rejectUnauthorized: false }],
    ['?sslmode=require', 'unverified', { rejectUnauthorized: false }],
    ['?sslmode=no-verify', 'unverified', { rejectUnauthorized: false }],
    ['?sslmode=no-verify&sslrootcert=CA', 'unverified', { rejectUnauthorized: false }],
    ['?ssl=no-verify', 'unverified', { rejectUnauthorized: false }],
    ['?sslmode=require&sslrootcert=CA', 'verified', { ca: CA, checkServerIdentity: expect.any(Function) }],
    ['?sslmode=verify-ca&sslrootcert=CA', 'verified', { ca: CA, checkServerIdentity: expect.any(Function) }],
    ['?sslmode=verify-full&sslrootcert=CA', 'verified', { ca: CA }],
    ['?sslmode=verify-full&sslrootcert=system', 'verified', {}],
    ['?sslmode=verify-full&uselibpqcompat=true', 'verified', {}],
    ['?sslrootcert=CA', 'verified', { ca: CA }],
    ['?ssl=true', 'verified', {}],
  ])('%s means %s', (query, tls, ssl) => {
    const target = postgresTarget.parse(`postgres://ada@db/app${query.replace('=CA', `=${ca}`)}`);
    expect(target.tls).toBe(tls);
    expect(target.connection.ssl).toEqual(ssl);
  });

  it.each([
    ['mysql://ada:hunter2@db/app', 'must be a postgres:// or postgresql:// URL'],
    ['host=db password=hunter2', 'must be a postgres:// or postgresql:// URL'],
    ['postgres://ada:hunter2%zz@db/app', '%25 for %'],
    ['postgres://ada:hunter2%@db/app', '%25 for %'],
    ['postgres://ada:hunter2%ff@db/app', '%25 for %'],
    ['postgres://ada:hunter2/x@db/app', '%2F for /'],
    ['postgres://ada:1/hunter2@db/app', '%2F for /'],
    ['postgres://ada:hunter2#x@db/app', '%23 for #'],
    ['postgres://ada:hunter2@db:port/app', 'must be a postgres://'],
    ['postgres://ada:hunter2@db/app?port=x', 'port'],
    ['postgres://ada:hunter2@db1,db2/app', 'one host'],
    ['postgres://ada:hunter2@/app?host=db1,db2', 'one host'],
    ['postgres://ada:hunter2@db/app?sslmode=on', 'sslmode'],
    ['postgres://ada:hunter2@db/app?ssl=on', 'ssl'],
    ['postgres://ada:hunter2@db/app?sslmode=verify-ca', 'sslrootcert'],
    ['postgres://ada:hunter2@db/app?sslmode=verify-ca&sslrootcert=system', 'sslrootcert'],
    ['postgres://ada:hunter2@db/app?sslmode=require&sslrootcert=/absent/ca.pem', '/absent/ca.pem (ENOENT)'],
  ])('%s is refused in one line, with the remedy and without the password', (url, remedy) => {
    const [issue, ...more] = postgresTarget.safeParse(url).error?.issues ?? [];
    expect(more).toEqual([]);
    expect(issue?.message).toContain(remedy);
    expect(issue?.message).not.toMatch(/hunter2|\n/);
  });

  it.each([
    ['postgres://ada@db:6432/app', 'db:6432', false],
    ['postgres://ada@127.0.0.1/app', '127.0.0.1:5432', true],
    ['postgres://ada@[::1]/app', '[::1]:5432', true],
    ['postgresql://ada@/app?host=/run/postgresql', '/run/postgresql/.s.PGSQL.5432', true],
  ])('%s names %s', (url, place, local) => {
    expect(postgresTarget.parse(url)).toMatchObject({ place, local });
  });
});
