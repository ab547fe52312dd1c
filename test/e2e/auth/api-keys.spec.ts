import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiKeyUsage } from '../../../src/auth/api-key-usage.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, createPlatform, register } from '../../support/factories.js';
import { type HttpClient } from '../../support/http-client.js';
import { describeOnOneServer } from '../../support/one-server.js';
import { expectProblem, withoutOccurrence } from '../../support/problems.js';
import { type TcpProxy, startTcpProxy } from '../../support/servers/tcp-proxy.js';
import { StatementCounter } from '../../support/statements.js';

interface CreatedKey {
  readonly id: number;
  readonly name: string;
  readonly scopes: string[];
  readonly prefix: string;
  readonly key: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
  readonly createdAt: string;
}

describe('API keys', () => {
  let backends: Backends;
  let app: TestApp;
  let other: TestApp;
  let person: Person;

  beforeAll(async () => {
    backends = await Backends.create();
    app = await startTestApp({ backends });
    other = await startTestApp({ backends });
    person = await register(app.client, backends.secrets);
  });

  afterAll(async () => {
    await app.expectCleanRecord();
    await app.close();
    await other.close();
    await backends.remove();
  });

  async function make(own: object = {}, owner = person): Promise<CreatedKey> {
    const answer = await owner.client.post('/v1/api-keys', {
      name: 'worker',
      scopes: ['platforms:read'],
      ...own,
    });
    expect(answer.status).toBe(201);
    return answer.json<CreatedKey>();
  }

  const using = (key: string, on: TestApp = app): HttpClient => on.client.as({ accessToken: key });

  it('shows a key once, keeps its hash only, and lists it by its prefix', async () => {
    const answer = await person.client.post('/v1/api-keys', { name: 'shown', scopes: ['platforms:read'] });
    const created = answer.json<CreatedKey>();
    expect(answer.status).toBe(201);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(created).toEqual({
      id: expect.any(Number),
      name: 'shown',
      scopes: ['platforms:read'],
      prefix: expect.stringMatching(/^pmk_[A-Za-z0-9]{8}$/),
      key: expect.stringMatching(/^pmk_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}$/),
      policy: null,
      expiresAt: null,
      lastUsedAt: null,
      createdAt: expect.any(String),
    });

    const { key, ...shown } = created;
    const listed = (await person.client.get('/v1/api-keys')).json<CreatedKey[]>();
    expect(listed).toContainEqual(shown);
    const secret = key.slice(13);
    await using(key).get('/v1/platforms');
    const rows = await backends.rows<{ row: string }>('SELECT k::text AS row FROM api_keys k');
    const cached = await backends.redis.get(`api_key:${key.slice(4, 12)}`);
    expect(cached).toContain('"platforms:read"');
    expect(JSON.stringify([rows, cached, listed, app.logLines])).not.toContain(secret);
  });

  it('admits the key to what its scopes say, as its owner, and to nothing else', async () => {
    const platform = await createPlatform(person, backends.secrets);
    const { key } = await make();
    const program = using(key);

    expect((await program.get(`/v1/platforms/${platform.id}`)).status).toBe(200);
    expectProblem(await program.delete(`/v1/platforms/${platform.id}`), 403, 'forbidden');
    expectProblem(await program.get('/v1/api-keys'), 403, 'forbidden');
    expectProblem(
      await program.post('/v1/api-keys', { name: 'x', scopes: ['platforms:read'] }),
      403,
      'forbidden',
    );
    expectProblem(await program.get('/v1/me'), 403, 'forbidden');
    const stranger = await register(app.client, backends.secrets);
    const theirs = await make({}, stranger);
    expectProblem(await using(theirs.key).get(`/v1/platforms/${platform.id}`), 404, 'platform_not_found');
  });

  it('refuses a wrong secret, an unknown key and a malformed one in the same words', async () => {
    const { key } = await make();
    const wrong = `${key.slice(0, -4)}${key.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    const answers = await Promise.all(
      [wrong, `pmk_zzzzzzzz_${key.slice(13)}`, 'pmk_', `${key}x`, key.slice(0, 12)].map((one) =>
        using(one).get('/v1/platforms'),
      ),
    );
    for (const answer of answers) expectProblem(answer, 401, 'unauthenticated');
    expect(new Set(answers.map(withoutOccurrence)).size).toBe(1);
    expect((await using(key).get('/v1/platforms')).status).toBe(200);
  });

  it('refuses a revoked key on every process from the moment of the answer', async () => {
    for (let round = 0; round < 5; round++) {
      const { id, key } = await make();
      for (const on of [app, other]) expect((await using(key, on).get('/v1/platforms')).status).toBe(200);
      expect((await person.client.delete(`/v1/api-keys/${id}`)).status).toBe(204);
      expectProblem(await using(key, other).get('/v1/platforms'), 401, 'unauthenticated');
      expectProblem(await using(key, app).get('/v1/platforms'), 401, 'unauthenticated');
    }
  });

  it('admits no request that began after the revocation was acknowledged, under load', async () => {
    const { id, key } = await make();
    let revoked = false;
    let late = 0;
    const hammer = async (on: TestApp): Promise<void> => {
      for (let sent = 0; sent < 150; sent++) {
        const before = revoked;
        const { status } = await using(key, on).get('/v1/platforms');
        if (before && status !== 401) late++;
      }
    };
    const load = Promise.all([app, other, app, other].map(hammer));
    await waitUntil(async () => (await backends.redis.exists(`api_key:${key.slice(4, 12)}`)) === 1, {
      timeoutMs: 15_000,
      what: 'the key to be cached',
    });
    expect((await person.client.delete(`/v1/api-keys/${id}`)).status).toBe(204);
    revoked = true;
    await load;
    expect(late).toBe(0);
  });

  it.each<[string, string]>([
    ['revoked', 'UPDATE api_keys SET revoked_at = now() WHERE id = $1'],
    ['ended', `UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1`],
    ['given another hash', `UPDATE api_keys SET key_hash = sha256('x') WHERE id = $1`],
    ['given another lookup', `UPDATE api_keys SET lookup = left(md5(lookup), 8) WHERE id = $1`],
    ['deleted', 'DELETE FROM api_keys WHERE id = $1'],
    ['deleted with its user', 'DELETE FROM users WHERE id = (SELECT user_id FROM api_keys WHERE id = $1)'],
    ['truncated', 'TRUNCATE api_keys'],
    ['truncated with the users', 'TRUNCATE users CASCADE'],
  ])('refuses on every process, although it was cached, a key that was %s by SQL', async (what, sql) => {
    const owner = await register(app.client, backends.secrets);
    const { id, key } = await make({}, owner);
    for (const on of [app, other]) expect((await using(key, on).get('/v1/platforms')).status).toBe(200);
    await backends.rows(sql, sql.includes('$1') ? [id] : []);
    await backends.settled();
    for (const on of [app, other])
      expectProblem(await using(key, on).get('/v1/platforms'), 401, 'unauthenticated');
    if (what === 'truncated with the users') person = await register(app.client, backends.secrets);
  });

  it('lets a cached key do no more than its scopes after they were narrowed by SQL', async () => {
    const { id, key } = await make({ scopes: ['platforms:read', 'activities:write'] });
    expect((await using(key, other).get('/v1/platforms')).status).toBe(200);
    await backends.rows(`UPDATE api_keys SET scopes = '{activities:write}' WHERE id = $1`, [id]);
    await backends.settled();
    expectProblem(await using(key, other).get('/v1/platforms'), 403, 'forbidden');
  });

  it('publishes no event of a key', async () => {
    const { id } = await make();
    expect((await person.client.delete(`/v1/api-keys/${id}`)).status).toBe(204);
    await backends.settled();
    await backends.published();
    const changes = await backends.rows<{ eventId: string | null }>(
      `SELECT event_id AS "eventId" FROM platform_changes WHERE type = 'api_key.changed'`,
    );
    expect(changes.length).toBeGreaterThan(0);
    expect(changes.every(({ eventId }) => eventId === null)).toBe(true);
  });

  it('refuses a key from the moment of its expiry, although it is cached', async () => {
    const expiresAt = new Date(Date.now() + 7000).toISOString();
    const { key } = await make({ expiresAt });
    expect((await using(key).get('/v1/platforms')).status).toBe(200);
    await waitUntil(() => Date.now() > Date.parse(expiresAt), { timeoutMs: 15_000, what: 'the expiry' });
    expectProblem(await using(key).get('/v1/platforms'), 401, 'unauthenticated');
  });

  it('believes no entry that somebody else wrote to Redis', async () => {
    const { key } = await make();
    const victim = await register(app.client, backends.secrets);
    await using(key).get('/v1/platforms');
    const redisKey = `api_key:${key.slice(4, 12)}`;
    const entry = JSON.parse((await backends.cached(redisKey)) ?? '{}') as Record<string, unknown>;
    const forged = { ...entry, userId: victim.id, scopes: ['credentials:read', 'platforms:read'] };
    await backends.redis.set(redisKey, JSON.stringify(forged));
    await createPlatform(victim, backends.secrets);

    const seen = (await using(key).get('/v1/platforms')).json<{ userId: number }[]>();
    expect(seen.every(({ userId }) => userId === person.id)).toBe(true);
    expect(JSON.parse((await backends.cached(redisKey)) ?? '{}')).toEqual(entry);
  });

  it('asks the database nothing for a key and a list that are cached', async () => {
    const { key } = await make();
    await using(key).get('/v1/platforms');
    await backends.rows('ALTER TABLE api_keys RENAME TO api_keys_hidden');
    try {
      expect((await using(key, other).get('/v1/platforms')).cacheStatus).toBe('platform-manager; hit');
    } finally {
      await backends.rows('ALTER TABLE api_keys_hidden RENAME TO api_keys');
    }
  });

  it('writes last uses in one batch, and the key stays cached', async () => {
    const keys = await Promise.all([make(), make(), make()]);
    const counter = await StatementCounter.install(backends);
    for (let use = 0; use < 10; use++) {
      await Promise.all(keys.map(({ key }) => using(key).get('/v1/platforms')));
    }
    await app.app.get(ApiKeyUsage).flush();
    // One, and on a busy machine those of the seconds that all this took.
    const written = await counter.calls('update api_keys .* last_used_at');
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThanOrEqual(5);
    const used = (await person.client.get('/v1/api-keys')).json<CreatedKey[]>();
    for (const { id, key } of keys) {
      const at = used.find((one) => one.id === id)?.lastUsedAt ?? '';
      expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
      expect(await backends.redis.exists(`api_key:${key.slice(4, 12)}`)).toBe(1);
    }
  });

  it('says the same for an absent key and another user’s, and revokes neither', async () => {
    const { id, key } = await make();
    const stranger = await register(app.client, backends.secrets);
    const foreign = await stranger.client.delete(`/v1/api-keys/${id}`);
    const absent = await stranger.client.delete('/v1/api-keys/2147483647');
    expectProblem(foreign, 404, 'api_key_not_found');
    expect(withoutOccurrence(foreign)).toBe(withoutOccurrence(absent));
    expect((await using(key).get('/v1/platforms')).status).toBe(200);
    expect((await person.client.delete(`/v1/api-keys/${id}`)).status).toBe(204);
    await backends.settled();
    expectProblem(await person.client.delete(`/v1/api-keys/${id}`), 404, 'api_key_not_found');
  });

  it('refuses 50 keys and one more, also when they are asked for at once', async () => {
    const owner = await register(app.client, backends.secrets);
    const body = { name: 'one of many', scopes: ['platforms:read'] };
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => owner.client.post('/v1/api-keys', body)),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(50);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expectProblem(answer, 409, 'too_many_api_keys');
    }
  });

  it.each<[string, object, string]>([
    ['no scopes', { scopes: [] }, '/scopes'],
    ['an unknown scope', { scopes: ['admin'] }, '/scopes'],
    ['a scope twice', { scopes: ['platforms:read', 'platforms:read'] }, '/scopes'],
    ['an empty name', { name: '' }, '/name'],
    ['a time that has passed', { expiresAt: '2020-01-01T00:00:00Z' }, '/expiresAt'],
    ['a time beyond ten years', { expiresAt: '2999-01-01T00:00:00Z' }, '/expiresAt'],
    ['a day that does not exist', { expiresAt: '2027-02-31T25:00:00Z' }, '/expiresAt'],
    ['an unknown field', { role: 'admin' }, '/role'],
  ])('refuses %s', async (_what, own, pointer) => {
    const answer = await person.client.post('/v1/api-keys', {
      name: 'x',
      scopes: ['platforms:read'],
      ...own,
    });
    expectProblem(answer, 400, 'validation_failed', [pointer]);
  });

  describeOnOneServer('with Redis out of reach of the process that revokes', () => {
    let proxy: TcpProxy;
    let cutOff: TestApp;

    beforeAll(async () => {
      const { port } = new URL(backends.redisUrl);
      proxy = await startTcpProxy(Number(port));
      const redisUrl = new URL(backends.redisUrl);
      redisUrl.port = String(proxy.port);
      cutOff = await startTestApp({ backends, env: { REDIS_URL: redisUrl.href } });
    });

    afterAll(async () => {
      await cutOff.close();
      await proxy.close();
    });

    it('answers when a peer has dropped the entry, and then no process admits the key', async () => {
      const { id, key } = await make();
      expect((await using(key, other).get('/v1/platforms')).status).toBe(200);
      await proxy.cut();
      const answer = await cutOff.client.as(person).delete(`/v1/api-keys/${id}`);
      expect(answer.status).toBe(204);
      expectProblem(await using(key, other).get('/v1/platforms'), 401, 'unauthenticated');
    });
  });

  describeOnOneServer('with Redis out of reach of every process', () => {
    let alone: Backends;
    let only: TcpProxy;
    let lonely: TestApp;

    beforeAll(async () => {
      alone = await Backends.create();
      const redisUrl = new URL(alone.redisUrl);
      only = await startTcpProxy(Number(redisUrl.port));
      redisUrl.port = String(only.port);
      lonely = await startTestApp({ backends: alone, env: { REDIS_URL: redisUrl.href } });
    });

    afterAll(async () => {
      try {
        await lonely.expectCleanRecord();
      } finally {
        await lonely.close();
        await only.close();
        await alone.remove();
      }
    });

    it('answers 503 until a process can drop the entry, and 404 once it is dropped', async () => {
      const owner = await register(lonely.client, alone.secrets);
      const { id, key } = await make({}, owner);
      expect((await using(key, lonely).get('/v1/platforms')).status).toBe(200);
      await only.cut();
      const revoke = () => owner.client.delete(`/v1/api-keys/${id}`);
      for (let time = 0; time < 2; time++) expectProblem(await revoke(), 503, 'revocation_unconfirmed');
      // Without Redis the key is looked up in the database.
      expectProblem(await using(key, lonely).get('/v1/platforms'), 401, 'unauthenticated');
      await only.restore();
      // 404 if the relay has dropped the entry before the repeated request came.
      const confirmed = async (): Promise<boolean> => [204, 404].includes((await revoke()).status);
      await waitUntil(confirmed, { timeoutMs: 30_000, what: 'the revocation to be confirmed' });
      await alone.settled();
      expectProblem(await revoke(), 404, 'api_key_not_found');
      expectProblem(await using(key, lonely).get('/v1/platforms'), 401, 'unauthenticated');
    });
  });

  it('lives no longer than API_KEY_MAX_DAYS, which is also the life of one that names no end', async () => {
    const strict = await startTestApp({ backends, env: { API_KEY_MAX_DAYS: '30' } });
    const client = person.client.at(strict.baseUrl);
    const key = { name: 'worker', scopes: ['platforms:read'] };
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
    const made = (await client.post('/v1/api-keys', key)).json<{ key: string; expiresAt: string }>();
    backends.secrets.add(made.key);
    expect(Math.abs(Date.parse(made.expiresAt) - Date.parse(inDays(30)))).toBeLessThan(60_000);
    const refused = await client.post('/v1/api-keys', { ...key, expiresAt: inDays(31) });
    expectProblem(refused, 400, 'validation_failed');
    expect(refused.text).toContain('at most 30 days');
    await strict.app.close();
  });
});
