import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { createPlatform, register, signAccessToken } from '../../support/factories.js';
import type { HttpClient, TestResponse } from '../../support/http-client.js';
import { pipelined } from '../../support/pipelined.js';
import { withoutOccurrence } from '../../support/problems.js';

/** Everything of an answer that a client can see, without what no two answers have in common. */
function seen(answer: TestResponse) {
  const headers = Object.fromEntries(answer.headers);
  for (const name of ['date', 'x-request-id', 'ratelimit-remaining', 'ratelimit-reset', 'retry-after']) {
    if (name in headers) headers[name] = 'given';
  }
  return { status: answer.status, headers, body: withoutOccurrence(answer) };
}

const PAGE = 'https://page.example';

interface Asking {
  readonly client: HttpClient;
  readonly headers?: Record<string, string>;
  readonly askedBefore?: number;
}

describe('the reads that skip the pipeline', () => {
  let app: TestApp;
  const clients: Record<string, Asking> = {};
  let id: number;
  let foreign: number;

  beforeAll(async () => {
    app = await startTestApp({
      env: { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_USER_PER_MINUTE: '100', CORS_ORIGINS: PAGE },
    });
    const { backends, client } = app;
    const [ada, bob, none, much] = await Promise.all(
      Array.from({ length: 4 }, () => register(client, backends.secrets)),
    );
    if (ada === undefined || bob === undefined || none === undefined || much === undefined)
      throw new Error('Nobody could be registered');
    id = (await createPlatform(ada, backends.secrets)).id;
    foreign = (await createPlatform(bob, backends.secrets)).id;
    await backends.settled();
    const keyOf = async (scopes: string[]) => {
      const { key } = (await ada.client.post('/v1/api-keys', { name: scopes.join(), scopes })).json<{
        key: string;
      }>();
      return client.as({ accessToken: key });
    };
    const list = (await ada.client.get('/v1/platforms')).header('etag') ?? '';
    Object.assign(clients, {
      owner: { client: ada.client },
      'owner on a page of another origin': { client: ada.client, headers: { Origin: PAGE } },
      'owner who has the version': { client: ada.client, headers: { 'If-None-Match': `W/"1", "${id}-1"` } },
      'owner who has the list': { client: ada.client, headers: { 'If-None-Match': list } },
      'somebody without connections': { client: none.client },
      'an API key': { client: await keyOf(['platforms:read']) },
      'an API key without the scope': { client: await keyOf(['activities:write']) },
      'an unknown API key': { client: client.as({ accessToken: `pmk_${'x'.repeat(8)}_${'y'.repeat(43)}` }) },
      nobody: { client },
      'a forged token': { client: ada.client.as({ accessToken: `${ada.accessToken.slice(0, -3)}AAA` }) },
      'an expired token': {
        client: client.as({
          accessToken: await signAccessToken(backends, ada.id, { expiresInSeconds: -10 }),
        }),
      },
      'somebody beyond the limit': { client: much.client, askedBefore: 100 },
    });
  });
  afterAll(() => app.close());

  it.each([
    'owner',
    'owner on a page of another origin',
    'owner who has the version',
    'owner who has the list',
    'somebody without connections',
    'an API key',
    'an API key without the scope',
    'an unknown API key',
    'nobody',
    'a forged token',
    'an expired token',
    'somebody beyond the limit',
  ])('answer %s in every header and byte as the long way does', async (who) => {
    const { client, headers, askedBefore = 0 }: Asking = clients[who] ?? { client: app.client };
    // Only now: the limit is one of a minute.
    for (let n = 0; n < askedBefore; n++) await client.get('/v1/me');
    const statuses: number[] = [];
    for (const path of [
      '/v1/platforms',
      '/v1/platforms/default',
      `/v1/platforms/${id}`,
      `/v1/platforms/${foreign}`,
    ]) {
      // Both in the cache already: a hit and a miss differ.
      await client.get(path, headers);
      const short = await client.get(path, headers);
      // With a question mark it is no path that is known to the short way.
      const long = await client.get(`${path}?`, headers);
      expect(seen(short)).toEqual(seen(long));
      statuses.push(short.status);
    }
    expect(statuses).toEqual(STATUSES[who]);
  });

  it('answer pipelined requests whole and in their order', async () => {
    const person = await register(app.client, app.backends.secrets);
    const { id: own } = await createPlatform(person, app.backends.secrets, { name: 'Größer als ASCII: 🦣' });
    await app.backends.settled();
    const paths = ['/v1/platforms', '/v1/me', `/v1/platforms/${own}`, '/v1/platforms/default'];
    const bodies = await Promise.all(paths.map(async (path) => (await person.client.get(path)).text));
    expect(bodies[0]).toContain('🦣');

    const { accessToken } = person;
    const asked = [...paths, ...paths].map((path) => ({ path, accessToken }));
    const answers = await pipelined(Number(new URL(app.baseUrl).port), asked, 10_000);
    expect(answers.map(({ status }) => status)).toEqual(asked.map(() => 200));
    expect(answers.map(({ body }) => body)).toEqual([...bodies, ...bodies]);
  });

  it('let a page of another origin read the answer', async () => {
    const { headers } = (await clients['owner']?.client.get('/v1/platforms', { Origin: PAGE })) ?? {};
    expect(headers?.get('access-control-allow-origin')).toBe(PAGE);
    expect(headers?.get('access-control-expose-headers')).toContain('ETag');
    expect(headers?.get('vary')).toBe('Origin');
  });

  it('count what they answer like all others do', async () => {
    const count = async (): Promise<number> => {
      const line = /^platform_cache_requests_total\{resource="user_platforms",outcome="hit"\} (\d+)$/m;
      return Number(line.exec((await app.client.get('/metrics')).text)?.[1] ?? 0);
    };
    const before = await count();
    for (let n = 0; n < 3; n++) await clients['an API key']?.client.get('/v1/platforms');
    expect((await count()) - before).toBe(3);
  });
});

const STATUSES: Readonly<Record<string, readonly number[]>> = {
  owner: [200, 200, 200, 404],
  'owner on a page of another origin': [200, 200, 200, 404],
  'owner who has the version': [200, 304, 304, 404],
  'owner who has the list': [304, 200, 200, 404],
  'somebody without connections': [200, 404, 404, 404],
  'an API key': [200, 200, 200, 404],
  'an API key without the scope': [403, 403, 403, 403],
  'an unknown API key': [401, 401, 401, 401],
  nobody: [401, 401, 401, 401],
  'a forged token': [401, 401, 401, 401],
  'an expired token': [401, 401, 401, 401],
  'somebody beyond the limit': [429, 429, 429, 429],
};
