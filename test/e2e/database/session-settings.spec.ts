import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { type DatabaseRole, createRole } from '../../support/database-role.js';
import { createPlatform, type Person, platformInput, register } from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';
import { PgBouncer } from '../../support/servers/pgbouncer.js';

/** None of these is what the application needs. */
const SETTINGS = {
  DateStyle: 'German',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Pacific/Chatham',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  array_nulls: 'off',
  standard_conforming_strings: 'off',
  client_encoding: 'LATIN1',
  default_transaction_isolation: 'serializable',
  statement_timeout: '50ms',
  lock_timeout: '10ms',
  idle_in_transaction_session_timeout: '50ms',
  idle_session_timeout: '60s',
};

const WAYS = ['directly', 'through PgBouncer in transaction mode'] as const;

describe.each(WAYS)('a role with settings of its own, %s,', (way) => {
  let backends: Backends;
  let role: DatabaseRole;
  let pooler: PgBouncer | undefined;
  let app: TestApp;
  let ada: Person;

  beforeAll(async () => {
    backends = await Backends.create({ empty: true });
    role = await createRole(backends, { owns: true, settings: SETTINGS });
    const port = Number(new URL(role.url).port);
    if (way !== 'directly') pooler = await PgBouncer.start({ port, users: [role.name] });
    const env = { DATABASE_URL: pooler?.through(role.url) ?? role.url, DATABASE_DIRECT_URL: role.url };
    app = await startTestApp({ backends, env });
    ada = await register(app.client, backends.secrets);
  }, 120_000);
  afterAll(async () => {
    await app?.expectCleanRecord();
    await app?.app.close();
    await pooler?.remove();
    await role?.drop();
    await backends.remove();
  });

  it('has none of them in the sessions of the application', async () => {
    const query = Object.keys(SETTINGS).map((name) => `current_setting('${name}') AS "${name}"`);
    const [row] = await app.app.get(DataSource).query<unknown[]>(`SELECT ${query.join(', ')}`);
    expect(row).toEqual({
      DateStyle: 'ISO, MDY',
      IntervalStyle: 'postgres',
      TimeZone: 'UTC',
      bytea_output: 'hex',
      extra_float_digits: '1',
      array_nulls: 'on',
      standard_conforming_strings: 'on',
      client_encoding: 'UTF8',
      default_transaction_isolation: 'read committed',
      statement_timeout: '20s',
      lock_timeout: '0',
      idle_in_transaction_session_timeout: '40s',
      idle_session_timeout: '0',
    });
    const relay = await backends.rows<{ usename: string }>(
      `SELECT usename FROM pg_stat_activity WHERE usename = $1 AND application_name = 'platform-manager outbox'`,
      [role.name],
    );
    expect(relay).toHaveLength(1);
  });

  it('lets eight connections of one user be created at once', async () => {
    const inputs = Array.from({ length: 8 }, (_, n) =>
      platformInput(backends.secrets, { name: `at once ${n} 🦣`, username: `ada-${n}` }),
    );
    const answers = await Promise.all(inputs.map((input) => ada.client.post('/v1/platforms', input)));
    expect(answers.map(({ status }) => status)).toEqual(inputs.map(() => 201));
    expect((await ada.client.get('/v1/platforms')).json()).toHaveLength(8);
  });

  it('shows the times of a row as they are', async () => {
    const before = Date.now();
    const { createdAt, updatedAt } = await createPlatform(ada, backends.secrets);
    for (const at of [createdAt, updatedAt])
      expect(Math.abs(new Date(at).getTime() - before)).toBeLessThan(60_000);
  });

  it('ends an API key when it expires', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const made = await ada.client.post('/v1/api-keys', { name: 'k', scopes: ['platforms:read'], expiresAt });
    expect(made.json()).toMatchObject({ expiresAt });
    const { id, key } = made.json<{ id: number; key: string }>();
    backends.secrets.add(key);
    await backends.rows(`UPDATE api_keys SET expires_at = now() - interval '1 minute' WHERE id = $1`, [id]);
    const answer = await app.client.as({ accessToken: key }).get('/v1/platforms');
    expectProblem(answer, 401, 'unauthenticated');
  });

  it('rotates refresh tokens, whose hashes are bytes', async () => {
    const { refreshToken } = ada;
    const renewed = await app.client.post('/v1/auth/refresh', { refreshToken });
    expect(renewed.status).toBe(200);
    expectProblem(await app.client.post('/v1/auth/refresh', { refreshToken }), 401, 'invalid_refresh_token');
  });
});
