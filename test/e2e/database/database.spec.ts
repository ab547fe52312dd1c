import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { poolOf } from '../../../src/database/pool.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { createPlatform, type Person, type PlatformJson, register } from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';
import { StatementCounter } from '../../support/statements.js';

const POOL_MAX = 4;

let app: TestApp;
let ada: Person;
let platform: PlatformJson;

beforeAll(async () => {
  app = await startTestApp({
    env: { DATABASE_POOL_MAX: String(POOL_MAX), DATABASE_ACQUIRE_TIMEOUT_MS: '500' },
  });
});
beforeEach(async () => {
  ada = await register(app.client, app.backends.secrets);
  platform = await createPlatform(ada, app.backends.secrets);
  await app.backends.settled();
});
afterAll(() => app.close());

const sql = (text: string, ...values: unknown[]) => app.backends.sql.query(text, values);

describe('a hit', () => {
  const paths = () => [
    '/v1/platforms',
    '/v1/platforms/default',
    `/v1/platforms/${platform.id}`,
    `/v1/platforms/${platform.id}/stats`,
    '/v1/platforms/default/stats',
  ];

  it('sends no statement to the database', async () => {
    for (const path of paths()) await ada.client.get(path);
    const counter = await StatementCounter.install(app.backends);
    for (const path of paths()) {
      for (let time = 0; time < 10; time++) {
        expect((await ada.client.get(path)).cacheStatus).toBe('platform-manager; hit');
      }
    }
    expect(
      await counter.calls('platform_connections|platform_activities|users|refresh_tokens|sessions'),
    ).toBe(0);
  });

  it('takes no connection: it answers with the whole pool taken, where a miss is refused in time with 503', async () => {
    for (const path of paths()) await ada.client.get(path);
    const taken = await takeAllConnections();
    try {
      for (const path of paths()) {
        const answer = await ada.client.get(path);
        expect([path, answer.status, answer.cacheStatus]).toEqual([path, 200, 'platform-manager; hit']);
      }
      await app.backends.redis.del(`user_platforms:${ada.id}`);
      for (const refused of [
        await ada.client.get('/v1/platforms'),
        await ada.client.get('/v1/platforms?includeInactive=true'),
        await ada.client.get('/v1/platforms/1999999999'),
        await ada.client.get('/v1/platforms/1999999999/stats'),
        await ada.client.patch(`/v1/platforms/${platform.id}`, { name: 'x' }),
        await ada.client.put(`/v1/platforms/${platform.id}/default`),
        await ada.client.delete(`/v1/platforms/${platform.id}`),
        await ada.client.post('/v1/platforms/cache/refresh'),
        await ada.client.delete('/v1/platforms/cache'),
        await ada.client.get('/v1/me'),
        await app.client.post('/v1/auth/login', { email: ada.email, password: ada.password }),
        await app.client.post('/v1/auth/refresh', { refreshToken: ada.refreshToken }),
        await app.client.post('/v1/auth/logout', { refreshToken: ada.refreshToken }),
      ]) {
        expectProblem(refused, 503, 'database_unavailable');
        expect(refused.header('retry-after')).toBe('1');
        // Half a second, that is: without a limit it would wait for as long as the pool is taken.
        expect(refused.durationMs).toBeLessThan(10_000);
      }
    } finally {
      for (const client of taken) client.release();
    }
    expect((await ada.client.get('/v1/platforms')).json()).toEqual([platform]);
  });

  async function takeAllConnections(): Promise<PoolClient[]> {
    const pool = poolOf(app.app.get(DataSource));
    const all = await Promise.allSettled(Array.from({ length: POOL_MAX }, () => pool.connect()));
    return all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }
});

describe('the database itself, whoever writes', () => {
  it('allows no second default of a user', async () => {
    await createPlatform(ada, app.backends.secrets);
    const all = 'UPDATE platform_connections SET is_default = true WHERE user_id = $1';
    await expect(sql(all, ada.id)).rejects.toMatchObject({
      code: '23505',
      constraint: 'platform_connections_one_default_idx',
    });
  });

  it('allows no default that is inactive', async () => {
    const off = 'UPDATE platform_connections SET is_active = false WHERE id = $1';
    await expect(sql(off, platform.id)).rejects.toMatchObject({
      constraint: 'platform_connections_default_is_active',
    });
  });

  it('makes a new version of a row that is changed by hand, but not when it was only used', async () => {
    const version = async () => {
      await ada.client.delete('/v1/platforms/cache');
      const { version: number, updatedAt } = (
        await ada.client.get(`/v1/platforms/${platform.id}`)
      ).json<PlatformJson>();
      return { number, updatedAt };
    };
    await sql('UPDATE platform_connections SET last_used = now() WHERE id = $1', platform.id);
    expect(await version()).toEqual({ number: 1, updatedAt: platform.updatedAt });
    await sql(`UPDATE platform_connections SET username = 'by hand' WHERE id = $1`, platform.id);
    expect((await version()).number).toBe(2);
    expect((await version()).updatedAt > platform.updatedAt).toBe(true);
    await sql('UPDATE platform_connections SET version = 99, updated_at = now() WHERE id = $1', platform.id);
    expect((await version()).number).toBe(2);
  });

  it('takes the connections, activities and sessions of a user away with the user', async () => {
    const batch = [{ kind: 'post', externalId: '1', status: 'x', occurredAt: '2026-01-01T00:00:00Z' }];
    await ada.client.post(`/v1/platforms/${platform.id}/activities`, batch);
    await sql('DELETE FROM users WHERE id = $1', ada.id);
    for (const [table, column, id] of [
      ['platform_connections', 'user_id', ada.id],
      ['platform_activities', 'platform_id', platform.id],
      ['refresh_tokens', 'user_id', ada.id],
      ['sessions', 'user_id', ada.id],
    ] as const) {
      expect((await sql(`SELECT 1 FROM ${table} WHERE ${column} = $1`, id)).rowCount).toBe(0);
    }
    expectProblem(await ada.client.get('/v1/me'), 401, 'unauthenticated');
    expectProblem(await createAnyway(), 401, 'unauthenticated');
  });

  async function createAnyway() {
    return ada.client.post('/v1/platforms', {
      name: 'orphan',
      platformType: 'mastodon',
      instanceUrl: 'https://mastodon.example',
      accessToken: app.backends.secrets.make('access-token'),
    });
  }
});

describe('credentials that no longer belong to their row', () => {
  const read = async (id: number): Promise<PlatformJson> => {
    await ada.client.delete('/v1/platforms/cache');
    return (await ada.client.get(`/v1/platforms/${id}`)).json<PlatformJson>();
  };

  it('make it needs_reconnect when two rows were swapped or one was pointed at another host', async () => {
    const other = await createPlatform(ada, app.backends.secrets);
    await sql(
      `UPDATE platform_connections t SET access_token = s.access_token, client_key = s.client_key,
         client_secret = s.client_secret, seal = s.seal, key_id = s.key_id
       FROM platform_connections s WHERE t.id IN ($1, $2) AND s.id IN ($1, $2) AND s.id <> t.id`,
      platform.id,
      other.id,
    );
    expect((await read(platform.id)).status).toBe('needs_reconnect');
    expect((await read(other.id)).status).toBe('needs_reconnect');
    expect((await ada.client.get('/v1/platforms')).json<PlatformJson[]>()).toHaveLength(2);
  });

  it('are not carried to another host, and new ones mend the row', async () => {
    await sql(
      `UPDATE platform_connections SET instance_url = 'https://evil.example' WHERE id = $1`,
      platform.id,
    );
    expect((await read(platform.id)).status).toBe('needs_reconnect');
    const path = `/v1/platforms/${platform.id}`;
    const moved = await ada.client.patch(path, { instanceUrl: 'https://other.example' });
    expectProblem(moved, 400, 'validation_failed', ['/accessToken']);
    const accessToken = app.backends.secrets.make('access-token');
    const mended = await ada.client.patch(path, { instanceUrl: 'https://other.example', accessToken });
    expect(mended.json()).toMatchObject({ status: 'unchecked', hasClientCredentials: false });
  });
});
