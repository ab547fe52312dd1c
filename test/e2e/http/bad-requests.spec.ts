import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PROBLEM_TYPES } from '../../../src/common/problem-types.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { createPlatform, type Person, platformInput, register } from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';

let app: TestApp;
let ada: Person;
let id: number;

beforeAll(async () => {
  app = await startTestApp();
  ada = await register(app.client, app.backends.secrets);
  ({ id } = await createPlatform(ada, app.backends.secrets));
});
afterAll(() => app.close());

const JSON_TYPE = { 'Content-Type': 'application/json' };
const secret = (): string => app.backends.secrets.make('rejected');

describe('a closed route', () => {
  it.each([
    ['GET', '/v1/me'],
    ['GET', '/v1/platforms'],
    ['POST', '/v1/platforms'],
    ['GET', '/v1/platforms/default'],
    ['GET', '/v1/platforms/1'],
    ['PATCH', '/v1/platforms/1'],
    ['DELETE', '/v1/platforms/1'],
    ['PUT', '/v1/platforms/1/default'],
    ['GET', '/v1/platforms/1/stats'],
    ['GET', '/v1/platforms/1/stats/activity'],
    ['GET', '/v1/platforms/default/stats'],
    ['POST', '/v1/platforms/1/activities'],
    ['POST', '/v1/platforms/cache/refresh'],
    ['DELETE', '/v1/platforms/cache'],
  ])('%s %s answers 401 without a token, before it looks at the request', async (method, path) => {
    const answer = await app.client.request(method, path, method === 'POST' ? { body: { nonsense: 1 } } : {});
    expectProblem(answer, 401, 'unauthenticated');
    expect(answer.header('www-authenticate')).toBe('Bearer realm="platform-manager"');
  });
});

describe('what no route can read', () => {
  it('answers 404 as a problem to an unknown route', async () => {
    expectProblem(await app.client.get('/v1/nothing'), 404, 'route_not_found');
    expectProblem(await app.client.get('/nowhere'), 404, 'route_not_found');
    expectProblem(await app.client.request('OPTIONS', '/v1/nothing'), 404, 'route_not_found');
  });

  it.each([
    ['DELETE', '/v1/platforms', 'GET, HEAD, POST, OPTIONS'],
    ['POST', '/v1/platforms/1', 'GET, HEAD, PATCH, DELETE, OPTIONS'],
    ['PATCH', '/v1/platforms/default', 'GET, HEAD, OPTIONS'],
    ['GET', '/v1/platforms/cache/refresh', 'POST, OPTIONS'],
    ['HEAD', '/v1/auth/login', 'POST, OPTIONS'],
    ['PUT', '/health/live', 'GET, HEAD, OPTIONS'],
    ['POST', '/console/', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/docs-json', 'GET, HEAD, OPTIONS'],
  ])(
    'answers 405 to %s %s, with and without a token and a body, and says what is allowed',
    async (method, path, allowed) => {
      for (const client of [app.client, ada.client]) {
        const body = ['GET', 'HEAD'].includes(method) ? {} : { raw: '{', headers: JSON_TYPE };
        const answer = await client.request(method, path, body);
        if (method === 'HEAD') expect(answer.status).toBe(405);
        else expectProblem(answer, 405, 'method_not_allowed');
        expect(answer.header('allow')).toBe(allowed);
      }
      const options = await app.client.request('OPTIONS', path);
      expect([options.status, options.header('allow')]).toEqual([204, allowed]);
    },
  );

  it('explains each problem at its type: to a browser as a page, to a program as JSON', async () => {
    const { type } = (await app.client.get('/v1/nothing')).json<{ type: string }>();
    expect(type).toBe('http://localhost:3000/problems/route_not_found');
    for (const code of Object.keys(PROBLEM_TYPES)) {
      const data = await app.client.get(`/problems/${code}`);
      expect(data.json()).toMatchObject({ code, type: `http://localhost:3000/problems/${code}` });
      const page = await app.client.get(`/problems/${code}`, { Accept: 'text/html,*/*;q=0.8' });
      expect(page.header('content-type')).toBe('text/html; charset=utf-8');
      expect(page.header('vary')).toBe('Accept');
      expect(page.text).toContain(`<code>${code}</code>`);
    }
    expectProblem(await app.client.get('/problems/constructor'), 404, 'route_not_found');
    const list = (await app.client.get('/problems')).json<{ code: string }[]>();
    expect(list.map(({ code }) => code).sort()).toEqual(Object.keys(PROBLEM_TYPES).sort());
    expect((await app.client.get('/problems', { Accept: 'text/html' })).text).toContain('href="problems/');
  });

  it('keeps the query out of instance, for it may hold what should not be there', async () => {
    const answer = await ada.client.get(`/v1/nothing?token=${secret()}`);
    expect(expectProblem(answer, 404, 'route_not_found').instance).toBe('/v1/nothing');
  });

  it.each(['{', '', '{"name": "\\u0000', 'undefined', '[1,]', '{"__proto__": {"isAdmin": true}}'])(
    'answers 400 to the body %j',
    async (raw) => {
      const answer = await ada.client.request('POST', '/v1/platforms', { raw, headers: JSON_TYPE });
      expect(answer.status).toBe(400);
      expect(answer.header('content-type')).toBe('application/problem+json; charset=utf-8');
      expect(answer.json<{ errors: unknown[] }>().errors.length).toBeGreaterThan(0);
    },
  );

  it.each(['null', '[]', '"text"', '1', 'true', '{}'])(
    'answers 400 to the JSON %s on every write',
    async (raw) => {
      for (const path of ['/v1/platforms', `/v1/platforms/${id}/activities`, '/v1/auth/register']) {
        const answer = await ada.client.request('POST', path, { raw, headers: JSON_TYPE });
        expect([path, answer.status]).toEqual([path, 400]);
      }
    },
  );

  it.each(['null', '[]', '"text"', '1'])('answers 400 to the JSON %s on a change', async (raw) => {
    const answer = await ada.client.request('PATCH', `/v1/platforms/${id}`, { raw, headers: JSON_TYPE });
    expect(answer.status).toBe(400);
  });

  it.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
  ])('answers 415 to %s', async (type) => {
    for (const [method, path] of [
      ['POST', '/v1/platforms'],
      ['PATCH', `/v1/platforms/${id}`],
      ['POST', `/v1/platforms/${id}/activities`],
      ['POST', '/v1/auth/login'],
      ['POST', '/v1/auth/register'],
      ['POST', '/v1/auth/refresh'],
      ['POST', '/v1/auth/logout'],
    ] as const) {
      const headers = { 'Content-Type': type };
      const answer = await ada.client.request(method, path, { raw: 'name=x', headers });
      expectProblem(answer, 415, 'unsupported_media_type');
    }
  });

  it('answers 413 to a body of more than 16 KiB on every route that takes one, and to a batch of more than 1 MiB', async () => {
    for (const [method, path, limit] of [
      ['POST', '/v1/platforms', 16],
      ['PATCH', `/v1/platforms/${id}`, 16],
      ['POST', `/v1/platforms/${id}/credentials`, 16],
      ['POST', `/v1/platforms/${id}/activities`, 1024],
      ['POST', '/v1/api-keys', 16],
      ['POST', '/v1/connect', 16],
      ['POST', '/v1/connect/finish', 16],
      ['POST', '/v1/connect/links', 16],
      ['POST', '/v1/connect/guest/begin', 16],
      ['POST', '/v1/instances/lookup', 16],
      ['POST', '/v1/auth/login', 16],
      ['POST', '/v1/auth/register', 16],
      ['POST', '/v1/auth/refresh', 16],
      ['POST', '/v1/auth/logout', 16],
    ] as const) {
      const raw = `"${'x'.repeat(1024 * limit)}"`;
      const answer = await ada.client.request(method, path, { raw, headers: JSON_TYPE });
      expectProblem(answer, 413, 'payload_too_large');
      const fits = await ada.client.request(method, path, {
        raw: `"${'x'.repeat(1024 * limit - 2)}"`,
        headers: JSON_TYPE,
      });
      expectProblem(fits, 400, 'validation_failed', ['']);
    }
  });

  it('shows 20 problems at most', async () => {
    const unknown = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`unknown${index}`, index]));
    const one = await ada.client.post('/v1/platforms', unknown);
    expect(expectProblem(one, 400, 'validation_failed').errors).toHaveLength(20);
    const many = await ada.client.post(`/v1/platforms/${id}/activities`, Array(500).fill({ nothing: 1 }));
    expect(expectProblem(many, 400, 'validation_failed').errors).toHaveLength(20);
  });
});

describe('path and query parameters', () => {
  it.each([
    '0',
    '-1',
    '1.5',
    '1e3',
    '0x1',
    '2147483648',
    '9'.repeat(30),
    'abc',
    '%00',
    '%20',
    '1%20',
    "1'--",
    '١',
  ])('answers 400 to the id %j on every route that has one', async (text) => {
    const target = `/v1/platforms/${encodeURI(decodeURIComponent(text))}`;
    for (const [method, suffix, body] of [
      ['GET', ''],
      ['PATCH', '', {}],
      ['DELETE', ''],
      ['PUT', '/default'],
      ['GET', '/stats'],
      ['GET', '/stats/activity'],
      ['POST', '/activities', [{}]],
    ] as const) {
      const answer = await ada.client.request(method, `${target}${suffix}`, { body });
      expect([method, suffix, answer.status]).toEqual([method, suffix, 400]);
      expect(expectProblem(answer, 400, 'validation_failed').errors?.[0]).toBeDefined();
    }
  });

  it('answers 400 as a problem to a path that is not UTF-8', async () => {
    expect((await ada.client.get('/v1/platforms/%ff')).status).toBe(400);
    expect((await ada.client.get('/v1/platforms/%')).status).toBe(400);
  });

  it.each(['1', 'yes', 'TRUE', '', 'true&refresh=true'])('answers 400 to ?refresh=%s', async (text) => {
    expectProblem(await ada.client.get(`/v1/platforms?refresh=${text}`), 400, 'validation_failed', [
      '#refresh',
    ]);
  });

  it.each([
    ['GET', () => '/v1/platforms', '?page=2&per_page=10', ['#page', '#per_page']],
    ['GET', () => `/v1/platforms/${id}`, '?verbose=1', ['#verbose']],
    ['GET', () => '/v1/platforms/default', '?a', ['#a']],
    ['GET', () => `/v1/platforms/${id}/stats`, '?day=1', ['#day']],
    ['GET', () => `/v1/platforms/${id}/stats/activity`, '?days=7&day=1', ['#day']],
    ['GET', () => '/v1/audit', '?page=2', ['#page']],
    ['GET', () => '/v1/me', '?__proto__=1&constructor=2', ['#__proto__', '#constructor']],
    ['HEAD', () => '/v1/platforms', '?page=2', null],
    ['POST', () => '/v1/platforms', '?dryRun=true', ['#dryRun']],
    ['DELETE', () => `/v1/platforms/${id}`, '?Revoke=true', ['#Revoke']],
    ['GET', () => '/health/live', '?full=1', ['#full']],
  ])('refuses on %s %s the unknown %s, and names it', async (method, path, query, pointers) => {
    const answer = await ada.client.request(method, path() + query);
    if (pointers === null) return expect(answer.status).toBe(400);
    const { errors } = expectProblem(answer, 400, 'validation_failed', pointers);
    for (const { detail } of errors ?? []) expect(detail).toBe('is not a known query parameter');
    expect((await ada.client.get(`/v1/platforms/${id}`)).status).toBe(200);
  });

  it('asks for a token before it looks at the query', async () => {
    expectProblem(await app.client.get('/v1/platforms?page=2'), 401, 'unauthenticated');
  });

  it('takes true and false for both flags', async () => {
    for (const flag of ['refresh', 'includeInactive']) {
      for (const value of ['true', 'false']) {
        expect((await ada.client.get(`/v1/platforms?${flag}=${value}`)).status).toBe(200);
      }
    }
  });
});

describe('fields of a platform connection', () => {
  it.each<[string, unknown, string]>([
    ['an unknown field', { colour: 'red' }, '/colour'],
    ['a field that only the server sets', { userId: 1 }, '/userId'],
    ['a pointer that needs escaping', { 'a/b~c': 1 }, '/a~1b~0c'],
    ['an empty name', { name: '' }, '/name'],
    ['a name of 101 characters', { name: 'x'.repeat(101) }, '/name'],
    // Which some count as one character, and PostgreSQL as two.
    [
      'a name of 99 characters and one with a variation selector',
      { name: `${'x'.repeat(99)}\u2764\ufe0f` },
      '/name',
    ],
    ['a name with NUL', { name: 'a\u0000b' }, '/name'],
    ['a name with a lone surrogate', { name: 'a\ud800b' }, '/name'],
    ['a name that is a list', { name: ['x'] }, '/name'],
    ['a null name', { name: null }, '/name'],
    ['an unknown type', { platformType: 'myspace' }, '/platformType'],
    ['a type that is on the prototype', { platformType: 'constructor' }, '/platformType'],
    ['a username of 201 characters', { username: 'x'.repeat(201) }, '/username'],
    ['a username with NUL', { username: 'a\u0000' }, '/username'],
    ['a token of 9 characters', { accessToken: 'x'.repeat(9) }, '/accessToken'],
    ['a token of 4097 characters', { accessToken: 'x'.repeat(4097) }, '/accessToken'],
    ['a token with a line break', { accessToken: 'xxxxxxxxxxxx\r\nX: y' }, '/accessToken'],
    ['a token with a lone surrogate', { accessToken: 'xxxxxxxxxxxx\udfff' }, '/accessToken'],
    ['a null token', { accessToken: null }, '/accessToken'],
    ['a client key that is a number', { clientKey: 5 }, '/clientKey'],
    ['an empty client secret', { clientSecret: '' }, '/clientSecret'],
    ['a default that is no boolean', { isDefault: 'yes' }, '/isDefault'],
  ])('refuses %s with 400 that points to it, on creation and on change', async (_, fields, pointer) => {
    const body = { ...platformInput(app.backends.secrets), ...(fields as object) };
    expectProblem(await ada.client.post('/v1/platforms', body), 400, 'validation_failed', [pointer]);
    expectProblem(await ada.client.patch(`/v1/platforms/${id}`, fields), 400, 'validation_failed', [pointer]);
  });

  it('reports all faults at once, and says what is required', async () => {
    const missing = await ada.client.post('/v1/platforms', { name: 1, accessToken: secret() });
    const { errors } = expectProblem(missing, 400, 'validation_failed', [
      '/instanceUrl',
      '/name',
      '/platformType',
    ]);
    expect(errors).toContainEqual({ pointer: '/instanceUrl', detail: 'instanceUrl is required' });
    expect(errors).toContainEqual({ pointer: '/platformType', detail: 'platformType is required' });
    const wrong = await ada.client.post('/v1/platforms', {
      ...platformInput(app.backends.secrets),
      instanceUrl: 'https://a.example/path',
      name: '',
      colour: 'red',
    });
    expectProblem(wrong, 400, 'validation_failed', ['/colour', '/instanceUrl', '/name']);
  });

  it('takes the longest values of the contract, and any script', async () => {
    const body = platformInput(app.backends.secrets, {
      name: '𝒩'.repeat(50),
      username: '名'.repeat(200),
      accessToken: secret().padEnd(4096, 'x'),
    });
    const answer = await ada.client.post('/v1/platforms', body);
    expect([answer.status, answer.json<{ name: string }>().name]).toEqual([201, body.name]);
  });
});
