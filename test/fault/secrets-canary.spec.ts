import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { LastUsed } from '../../src/platforms/last-used.js';
import { type TestApp, startTestApp } from '../support/app.js';
import { Backends } from '../support/backends.js';
import { waitUntil } from '../support/barrier.js';
import { type Person, createPlatform, platformInput, register } from '../support/factories.js';
import type { TestResponse } from '../support/http-client.js';
import { expectNoSecrets } from '../support/leaks.js';
import { reveal } from '../support/reveal.js';
import { postgresBinaries } from '../support/servers/binaries.js';
import { type PostgresServer, startPostgres } from '../support/servers/postgres.js';
import { type RedisServer, startRedis } from '../support/servers/redis.js';

jest.setTimeout(300_000);

const run = promisify(execFile);
const RECOVERY = { timeoutMs: 60_000, intervalMs: 100 } as const;

describe('secrets, through every route and with each dependency failing in turn', () => {
  let postgres: PostgresServer;
  let redis: RedisServer;
  let backends: Backends;
  let app: TestApp;
  let owner: Person;
  let platformId: number;

  beforeAll(async () => {
    [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    // Servers of its own: the run's are not to be killed.
    process.env.TEST_DATABASE_URL = postgres.url();
    backends = await Backends.create({ redisUrl: redis.url() });
    app = await startTestApp({ backends, env: { LOG_LEVEL: 'trace', DATABASE_ACQUIRE_TIMEOUT_MS: '500' } });
    owner = await register(app.client, backends.secrets);
    ({ id: platformId } = await createPlatform(owner, backends.secrets));
  });
  afterAll(async () => {
    await app?.app.close();
    await backends?.remove();
    await Promise.all([postgres?.remove(), redis?.remove()]);
  });

  /** The answer is kept for the search, except the one that is meant to hold secrets. */
  async function revealAndRecord(id: number): Promise<TestResponse> {
    const answer = await reveal(owner, id);
    const path = `/v1/platforms/${id}/credentials`;
    const { status, text, headers } = answer;
    if (status !== 200)
      backends.exchanges.push({ method: 'POST', path, status, headers: Object.fromEntries(headers), text });
    return answer;
  }

  /**
   * Whatever the answers are. New secrets each time, where they belong and where they do not; only not as the name of a
   * field, which a 400 points to.
   */
  async function useEverything(): Promise<Set<number>> {
    const { secrets } = backends;
    const { client } = owner;
    const make = (what: string): string => secrets.make(what);
    const path = `/v1/platforms/${platformId}`;
    const input = platformInput(secrets);
    const email = `someone-${Math.random()}@example.org`;
    const calls: (() => Promise<TestResponse>)[] = [
      () => app.client.post('/v1/auth/register', { email, password: make('password') }),
      () => app.client.post('/v1/auth/register', { email: owner.email, password: make('password') }),
      () => app.client.post('/v1/auth/login', { email: owner.email, password: make('wrong-password') }),
      () => app.client.post('/v1/auth/refresh', { refreshToken: make('refresh-token') }),
      () => app.client.post('/v1/auth/logout', { refreshToken: make('refresh-token') }),
      () => app.client.get('/v1/me', { Authorization: `Bearer ${make('bearer')}` }),
      () =>
        app.client.get('/v1/me', {
          Authorization: `Basic ${make('basic')}`,
          Cookie: `session=${make('cookie')}`,
        }),
      () => client.get('/v1/me'),
      () => client.post('/v1/platforms', input),
      () => client.post('/v1/platforms', { ...platformInput(secrets), name: input.name }),
      () => client.post('/v1/platforms', { ...platformInput(secrets), platformType: 'none' }),
      () =>
        client.post('/v1/platforms', { ...platformInput(secrets), accessToken: `${make('with blanks')} ` }),
      () => client.post('/v1/platforms', { ...platformInput(secrets), accesstoken: make('misspelt-field') }),
      () =>
        client.post('/v1/platforms', { ...platformInput(secrets), clientKey: { nested: make('nested') } }),
      () =>
        client.post('/v1/platforms', {
          ...platformInput(secrets),
          instanceUrl: `https://u:${make('url-password')}@a.example`,
        }),
      () =>
        client.request('POST', '/v1/platforms', {
          raw: `{"accessToken":"${make('broken-json')}`,
          headers: { 'Content-Type': 'application/json' },
        }),
      () =>
        client.request('POST', '/v1/platforms', {
          raw: make('other-type'),
          headers: { 'Content-Type': 'text/plain' },
        }),
      () =>
        client.patch(path, {
          accessToken: make('access-token'),
          clientKey: make('client-key'),
          clientSecret: make('client-secret'),
        }),
      () => client.patch(path, { accessToken: make('access-token') }, { 'If-Match': '"0"' }),
      () => client.patch(path, { clientSecret: [make('in-an-array')] }),
      () => client.get(`/v1/platforms?refresh=true&accessToken=${make('in-the-query')}`),
      () => client.get(`/v1/platforms?includeInactive=${make('in-a-flag')}`),
      () => client.get(`${path}?token=${make('in-the-query')}`),
      () => client.get('/v1/platforms/default'),
      () => client.get(`${path}/stats`),
      () => client.get('/v1/platforms/default/stats'),
      () =>
        client.post(`${path}/activities`, [
          { kind: 'post', externalId: 'a', status: 'done', occurredAt: '2026-11-22T12:00:00Z' },
        ]),
      () => client.post('/v1/platforms/cache/refresh'),
      () => revealAndRecord(platformId),
      () => revealAndRecord(2_000_000_000),
      () => client.post(`${path}/credentials`, { reason: 'x', accessToken: make('in-the-reveal') }),
      () => client.get(`${path}/audit`),
      () => client.put(`${path}/default`),
      () => client.delete('/v1/platforms/cache'),
      () => app.client.get('/health/ready'),
      () => app.client.get('/metrics'),
    ];
    const statuses = new Set<number>();
    for (const call of calls) {
      const { status, text } = await call();
      expect({ status, text }).not.toMatchObject({ status: 500 });
      statuses.add(status);
    }
    await app.app.get(LastUsed).flush();
    return statuses;
  }

  /** As an operator would take it; where there is no pg_dump, the rows have been searched as text already. */
  async function dumpOfPgDump(): Promise<string> {
    const { postgres: program } = await postgresBinaries();
    const options = { maxBuffer: 256 * 1024 * 1024, env: { PATH: process.env.PATH ?? '' } };
    return run(join(dirname(program), 'pg_dump'), [backends.databaseUrl], options).then(
      ({ stdout }) => stdout,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      },
    );
  }

  it('are found nowhere but in the answer of a reveal', async () => {
    const answer = await revealAndRecord(platformId);
    expect(answer.status).toBe(200);
    expect(backends.secrets.foundIn(answer.text)).not.toEqual([]);
    expect([...(await useEverything())]).toEqual(
      expect.arrayContaining([200, 201, 400, 401, 404, 409, 412, 415]),
    );
    await expectNoSecrets(app);
  });

  it('nor with the audit trail failing, or Redis or PostgreSQL killed', async () => {
    await backends.sql.query('ALTER TABLE audit_log RENAME TO audit_log_gone');
    expect((await revealAndRecord(platformId)).status).toBe(503);
    await owner.client.get(`/v1/platforms/${platformId}/audit`);
    await backends.sql.query('ALTER TABLE audit_log_gone RENAME TO audit_log');

    await redis.kill();
    await useEverything();
    expect((await revealAndRecord(platformId)).status).toBe(200);
    await redis.start();
    const isReady = async (): Promise<boolean> =>
      (await app.client.get('/health/ready')).text.includes('"ok"');
    await waitUntil(isReady, { ...RECOVERY, what: 'Redis to be used again' });

    await reveal(owner, platformId);
    await waitUntil(async () => (await reveal(owner, platformId)).cacheStatus === 'platform-manager; hit', {
      ...RECOVERY,
      what: 'a warm cache',
    });
    await postgres.kill();
    // Warm, yet without the audit row nothing is given out.
    const refused = await revealAndRecord(platformId);
    expect({ status: refused.status, found: backends.secrets.foundIn(refused.text) }).toEqual({
      status: 503,
      found: [],
    });
    expect([...(await useEverything())]).toContain(503);
    await redis.kill();
    await useEverything();
    await Promise.all([postgres.start(), redis.start()]);
    await waitUntil(isReady, { ...RECOVERY, what: 'everything to be back' });
    await waitUntil(async () => (await reveal(owner, platformId)).status === 200, {
      ...RECOVERY,
      what: 'a reveal',
    });

    await expectNoSecrets(app);
    const dump = await dumpOfPgDump();
    if (dump !== '') expect(dump).toContain('audit_log');
    expect(backends.secrets.foundIn(dump)).toEqual([]);
  });
});
