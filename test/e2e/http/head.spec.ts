import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { createPlatform, type Person, register } from '../../support/factories.js';

const JSON_TYPE = { 'Content-Type': 'application/json' };
/** Differ from one answer to the next. `fetch` asks to close the connection after a HEAD. */
const OWN = ['connection', 'keep-alive', 'date', 'x-request-id', 'ratelimit-remaining', 'ratelimit-reset'];

let app: TestApp;
let ada: Person;
let id: number;

beforeAll(async () => {
  app = await startTestApp({ env: { RATE_LIMIT_ENABLED: 'true' } });
  ada = await register(app.client, app.backends.secrets);
  ({ id } = await createPlatform(ada, app.backends.secrets));
  // Else a relay could drop late what the tests have just read.
  await app.backends.settled();
});
afterAll(() => app.close());

describe('HEAD', () => {
  const headersOf = async (method: string, path: string, headers = {}): Promise<unknown> => {
    const answer = await ada.client.request(method, path, { headers });
    const kept = [...answer.headers].filter(([name]) => !OWN.includes(name));
    return { status: answer.status, headers: Object.fromEntries(kept) };
  };

  it.each([
    ['the list, on the fast lane', () => '/v1/platforms'],
    ['one connection, on the fast lane', () => `/v1/platforms/${id}`],
    ['the default', () => '/v1/platforms/default'],
    ['statistics, on the fast lane', () => `/v1/platforms/${id}/stats`],
    ['activity', () => `/v1/platforms/${id}/stats/activity`],
    ['an absent connection', () => '/v1/platforms/2147483647'],
    ['an id that is none', () => '/v1/platforms/abc'],
    ['the signed-in user', () => '/v1/me'],
    ['the keys', () => '/v1/api-keys'],
    ['a probe', () => '/health/live'],
    ['a document', () => '/docs-json'],
    ['the console', () => '/console/'],
    ['nothing', () => '/v1/nothing'],
  ])('of %s has the status and the headers of GET, and no body', async (_, path) => {
    // So that both are hits.
    await ada.client.get(path());
    const got = await headersOf('GET', path());
    expect(await headersOf('HEAD', path())).toEqual(got);
    expect((await ada.client.request('HEAD', path())).text).toBe('');
  });

  it.each([
    () => `/v1/platforms/${id}`,
    () => '/v1/platforms',
    () => '/v1/platforms?limit=5',
    () => '/v1/platforms/default',
  ])('of what has not changed is 304, as GET is', async (path) => {
    const headers = { 'If-None-Match': (await ada.client.get(path())).header('etag')! };
    const got = await headersOf('GET', path(), headers);
    expect(got).toMatchObject({ status: 304 });
    expect(await headersOf('HEAD', path(), headers)).toEqual(got);
  });

  it('needs the token that GET needs', async () => {
    const answer = await app.client.request('HEAD', '/v1/platforms');
    expect(answer.status).toBe(401);
    expect(answer.header('www-authenticate')).toBe('Bearer realm="platform-manager"');
  });

  it('of the events ends at once', async () => {
    const answer = await ada.client.request('HEAD', '/v1/events');
    expect(answer.status).toBe(200);
    expect(answer.header('content-type')).toBe('text/event-stream; charset=utf-8');
  });
});

describe('an empty body of type JSON', () => {
  const send = (method: string, path: string, headers = {}) =>
    ada.client.request(method, path, { raw: '', headers: { ...JSON_TYPE, ...headers } });

  it.each([
    ['PUT', () => `/v1/platforms/${id}/default`, 200],
    ['POST', () => `/v1/platforms/${id}/test`, 200],
    ['POST', () => '/v1/platforms/cache/refresh', 200],
    ['DELETE', () => '/v1/platforms/cache', 204],
    ['DELETE', () => `/v1/platforms/${id}`, 204],
  ])('is none on %s, which needs none', async (method, path, status) => {
    expect((await send(method, path())).status).toBe(status);
  });

  it('is none with a charset too', async () => {
    const headers = { 'Content-Type': 'application/json; charset=utf-8' };
    expect((await ada.client.request('DELETE', '/v1/platforms/cache', { headers })).status).toBe(204);
  });

  it.each([
    ['POST', '/v1/platforms'],
    ['PATCH', '/v1/platforms/1'],
    ['POST', '/v1/platforms/1/activities'],
    ['POST', '/v1/auth/login'],
  ])('is still 400 on %s %s, which needs one', async (method, path) => {
    const answer = await send(method, path);
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'validation_failed', errors: [{ pointer: '' }] });
  });
});
