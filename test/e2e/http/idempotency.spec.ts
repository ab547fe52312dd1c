import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import {
  createPlatform,
  type Person,
  type PlatformJson,
  platformInput,
  register,
  type Session,
  unique,
} from '../../support/factories.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import type { HttpClient, TestResponse } from '../../support/http-client.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';

/** As in platform-transaction.ts: what a write of a user's connections waits for. */
const USER_PLATFORMS_LOCK = 0x504c4154;

let app: TestApp;
let backends: Backends;
let fakes: FakeInstances;
let ada: Person;

beforeAll(async () => {
  fakes = await FakeInstances.atMost(2);
  backends = await Backends.create();
  app = await startTestApp({ backends, env: { INSTANCE_HOST_ALLOWLIST: fakes.allowlist.join(',') } });
});
beforeEach(async () => {
  ada = await register(app.client, backends.secrets);
});
afterEach(() => fakes.closeAll());
afterAll(async () => {
  try {
    await app.expectCleanRecord();
  } finally {
    await app.app.close();
    await backends.remove();
  }
});

const keyed = (key: string) => ({ 'Idempotency-Key': key });
const replayed = (answer: TestResponse): string | null => answer.header('idempotent-replayed');

async function names(): Promise<string[]> {
  return (await ada.client.get('/v1/platforms')).json<PlatformJson[]>().map(({ name }) => name);
}

/** Ends the claims of requests that are still running, as a minute would. */
async function endClaims(): Promise<void> {
  await backends.sql.query('UPDATE keyed_requests SET claimed_until = now() WHERE user_id = $1', [ada.id]);
}

describe('a POST with an Idempotency-Key', () => {
  it('is carried out once: a repetition gets the first reply, with its headers', async () => {
    const body = platformInput(backends.secrets);
    const key = randomUUID();
    const first = await ada.client.post('/v1/platforms', body, keyed(key));
    const second = await ada.client.post('/v1/platforms', body, keyed(key));
    for (const answer of [first, second]) {
      expect(answer.status).toBe(201);
      expect(answer.json()).toEqual(first.json());
      expect(answer.header('location')).toBe(`/v1/platforms/${first.json<PlatformJson>().id}`);
      expect(answer.header('etag')).toBe(first.header('etag'));
      expect(answer.header('content-type')).toBe('application/json; charset=utf-8');
    }
    expect([replayed(first), replayed(second)]).toEqual([null, 'true']);
    expect(await names()).toEqual([body.name]);
  });

  it('is 422 with another body, query or route, and changes nothing', async () => {
    const key = keyed(randomUUID());
    const body = platformInput(backends.secrets);
    await ada.client.post('/v1/platforms', body, key);
    const others = [
      await ada.client.post('/v1/platforms', { ...body, name: 'Another' }, key),
      await ada.client.post('/v1/platforms?test=false', body, key),
      await ada.client.post('/v1/api-keys', { name: 'x', scopes: ['platforms:read'] }, key),
    ];
    for (const answer of others) {
      expect(answer.status).toBe(422);
      expect(answer.json()).toMatchObject({ code: 'idempotency_key_reused' });
    }
    expect(await names()).toEqual([body.name]);
    expect((await ada.client.get('/v1/api-keys')).json()).toEqual([]);
  });

  it('belongs to its user', async () => {
    const key = keyed('the-same');
    const bob = await register(app.client, backends.secrets);
    const body = platformInput(backends.secrets);
    const answers = [
      await ada.client.post('/v1/platforms', body, key),
      await bob.client.post('/v1/platforms', body, key),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers.map(replayed)).toEqual([null, null]);
  });

  it('is carried out once when many come at once; those that come meanwhile are told to wait', async () => {
    const body = platformInput(backends.secrets);
    const key = keyed(randomUUID());
    const send = () => ada.client.post('/v1/platforms', body, key);
    const answers = await Promise.all(Array.from({ length: 20 }, send));
    const made = answers.filter((answer) => answer.status === 201);
    expect(new Set(made.map(({ text }) => text)).size).toBe(1);
    expect(made.filter((answer) => replayed(answer) === null)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expect(answer.json()).toMatchObject({ status: 409, code: 'idempotency_key_in_use' });
      expect(answer.header('retry-after')).toMatch(/^[1-5]$/);
    }
    expect(await names()).toEqual([body.name]);
    expect((await send()).text).toBe(made[0]?.text);
  });

  it('gives back secrets that are shown once: an API key, and the tokens of a session', async () => {
    const key = randomUUID();
    const wanted = { name: 'worker', scopes: ['platforms:read'] };
    const apiKeys = [
      await ada.client.post('/v1/api-keys', wanted, keyed(key)),
      await ada.client.post('/v1/api-keys', wanted, keyed(key)),
    ].map((answer) => answer.json<{ key: string }>().key);
    expect(apiKeys[1]).toBe(apiKeys[0]);

    const account = { email: `${unique()}@example.org`, password: backends.secrets.make('password') };
    const twice = async (path: string, body: object): Promise<Session[]> => {
      const headers = keyed(randomUUID());
      const answers = [
        await app.client.post(path, body, headers),
        await app.client.post(path, body, headers),
      ];
      expect(answers.map(replayed)).toEqual([null, 'true']);
      return answers.map((answer) => answer.json<Session>());
    };
    const [registered, again] = await twice('/v1/auth/register', account);
    expect(again).toEqual(registered);
    const [renewed, lost] = await twice('/v1/auth/refresh', { refreshToken: registered?.refreshToken });
    expect(lost).toEqual(renewed);
    // Without a key a second use of the token would have ended the session.
    const { status } = await app.client.post('/v1/auth/refresh', { refreshToken: renewed?.refreshToken });
    expect(status).toBe(200);

    const stored = await backends.rows<{ content: string }>('SELECT content FROM keyed_requests');
    expect(stored.map(({ content }) => backends.secrets.foundIn(content))).toEqual(stored.map(() => []));
  });

  it('may run again after an error, also with what was mended', async () => {
    const { id, name } = await createPlatform(ada, backends.secrets);
    const body = platformInput(backends.secrets, { name });
    const key = keyed(randomUUID());
    const refused = await ada.client.post('/v1/platforms', body, key);
    expect(refused.json()).toMatchObject({ status: 409, code: 'duplicate_name' });
    await ada.client.delete(`/v1/platforms/${id}`);
    const made = await ada.client.post('/v1/platforms', { ...body, name: 'Mended' }, key);
    expect([made.status, replayed(made)]).toEqual([201, null]);
  });

  it('reveals credentials each time, and each time says so in the trail', async () => {
    const { id } = await createPlatform(ada, backends.secrets);
    const key = keyed(randomUUID());
    const path = `/v1/platforms/${id}/credentials`;
    const answers = [
      await ada.client.post(path, { reason: 'to post' }, key),
      await ada.client.post(path, { reason: 'to post' }, key),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers.map(replayed)).toEqual([null, null]);
    const trail = await ada.client.get(`/v1/platforms/${id}/audit`);
    const { entries } = trail.json<{ entries: { action: string }[] }>();
    expect(entries.filter(({ action }) => action === 'credentials.reveal')).toHaveLength(2);
    expect((await ada.client.post(path, { reason: 'another' }, key)).status).toBe(422);
    const stored = await backends.rows('SELECT 1 FROM keyed_requests WHERE user_id = $1 AND has_reply', [
      ada.id,
    ]);
    expect(stored).toEqual([]);
  });

  it('leaves no row behind that a stranger could pile up', async () => {
    const rows = () => backends.rows('SELECT 1 FROM keyed_requests WHERE user_id IS NULL');
    const before = await rows();
    const refreshToken = backends.secrets.make('no-session');
    const { status } = await app.client.post('/v1/auth/logout', { refreshToken }, keyed(randomUUID()));
    expect([status, await rows()]).toEqual([204, before]);
  });

  it.each(['', ' ', 'a b', 'é', 'x'.repeat(256)])('must be a usable one, unlike "%s"', async (key) => {
    const answer = await ada.client.post('/v1/platforms', platformInput(backends.secrets), keyed(key));
    expect(answer.json()).toMatchObject({
      status: 400,
      errors: [{ pointer: '#Idempotency-Key', detail: expect.any(String) }],
    });
    expect(await names()).toEqual([]);
  });

  it('is forgotten after 24 hours', async () => {
    const body = platformInput(backends.secrets);
    const key = keyed(randomUUID());
    const { id } = (await ada.client.post('/v1/platforms', body, key)).json<PlatformJson>();
    const [{ hours } = { hours: 0 }] = await backends.rows<{ hours: number }>(
      'SELECT extract(epoch FROM expires_at - now()) / 3600 AS hours FROM keyed_requests WHERE user_id = $1',
      [ada.id],
    );
    expect(Number(hours)).toBeGreaterThan(23.9);
    expect(Number(hours)).toBeLessThanOrEqual(24);
    await backends.sql.query('UPDATE keyed_requests SET expires_at = now() WHERE user_id = $1', [ada.id]);
    await ada.client.delete(`/v1/platforms/${id}`);
    const again = await ada.client.post('/v1/platforms', body, key);
    expect([again.status, replayed(again)]).toEqual([201, null]);
  });
});

describe('a POST with an Idempotency-Key whose process was killed', () => {
  let api: ApiProcess;
  let there: HttpClient;

  beforeEach(async () => {
    api = await startApi({
      env: { ...backends.env(), INSTANCE_HOST_ALLOWLIST: fakes.allowlist.join(','), LOG_LEVEL: 'info' },
    });
    backends.logs.push(() => api.output);
    there = ada.client.at(api.baseUrl);
  });
  afterEach(() => api.kill());

  it('gets the reply at another process if its change was committed', async () => {
    const fake = await fakes.start('mastodon');
    const body = platformInput(backends.secrets, { instanceUrl: fake.origin });
    const key = keyed(randomUUID());
    // The connection is committed by then, and its answer waits for the test.
    const held = fake.hold('/api/v1/accounts/verify_credentials');
    const lost = there.post('/v1/platforms?test=true', body, key);
    const failed = expect(lost).rejects.toThrow();
    await held.arrived;
    await api.kill();
    await failed;
    held.open();

    const answer = await ada.client.post('/v1/platforms?test=true', body, key);
    expect([answer.status, replayed(answer)]).toEqual([201, 'true']);
    const list = (await ada.client.get('/v1/platforms')).json<PlatformJson[]>();
    expect(list.map(({ id }) => id)).toEqual([answer.json<PlatformJson>().id]);
  });

  it('is carried out at another process if it was not, once its claim has ended', async () => {
    const body = platformInput(backends.secrets);
    const key = keyed(randomUUID());
    const lock = await lockPlatforms();
    try {
      const failed = expect(there.post('/v1/platforms', body, key)).rejects.toThrow();
      await lock.waitedFor(1);
      await api.kill();
      await failed;
    } finally {
      await lock.release();
    }
    const early = await ada.client.post('/v1/platforms', body, key);
    expect(early.json()).toMatchObject({ status: 409, code: 'idempotency_key_in_use' });
    await endClaims();
    const answer = await ada.client.post('/v1/platforms', body, key);
    expect([answer.status, replayed(answer)]).toEqual([201, null]);
    expect(await names()).toEqual([body.name]);
  });

  it('commits nothing if the process was only slow and its claim was taken over', async () => {
    const body = platformInput(backends.secrets);
    const key = keyed(randomUUID());
    const lock = await lockPlatforms();
    let slow: Promise<TestResponse>;
    let other: Promise<TestResponse>;
    try {
      slow = there.post('/v1/platforms', body, key);
      await lock.waitedFor(1);
      await endClaims();
      other = ada.client.post('/v1/platforms', body, key);
      await lock.waitedFor(2);
    } finally {
      await lock.release();
    }
    expect((await slow).json()).toMatchObject({ status: 409, code: 'idempotency_key_in_use' });
    expect((await other).status).toBe(201);
    expect(await names()).toEqual([body.name]);
    expect((await ada.client.post('/v1/platforms', body, key)).text).toBe((await other).text);
  });
});

/** Lets writes of Ada's connections wait. */
async function lockPlatforms() {
  const locker = await backends.sql.connect();
  await locker.query('BEGIN');
  await locker.query('SELECT pg_advisory_xact_lock($1, $2)', [USER_PLATFORMS_LOCK, ada.id]);
  const waiting = () =>
    backends.rows(
      `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = $1 AND objid = $2
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [USER_PLATFORMS_LOCK, ada.id],
    );
  return {
    waitedFor: (count: number) =>
      waitUntil(async () => (await waiting()).length === count, {
        timeoutMs: 15_000,
        what: `${count} writes to wait`,
      }),
    release: async () => {
      await locker.query('ROLLBACK');
      locker.release();
    },
  };
}
