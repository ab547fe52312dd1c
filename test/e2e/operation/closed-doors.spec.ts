import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { type Person, register } from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';
import { freePort } from '../../support/servers/free-port.js';

describe('what an operator can close', () => {
  let backends: Backends;
  let open: TestApp;
  let closed: TestApp;
  let token: string;
  let person: Person;

  beforeAll(async () => {
    backends = await Backends.create();
    token = backends.secrets.make('metrics-token');
    open = await startTestApp({ backends });
    closed = await startTestApp({
      backends,
      env: { REGISTRATION: 'closed', METRICS_TOKEN: token, DOCS_ENABLED: 'false' },
    });
    person = await register(open.client, backends.secrets);
  });
  afterAll(async () => {
    await open.expectCleanRecord();
    await Promise.all([open.close(), closed.close()]);
    await backends.remove();
  });

  it('registration: nobody makes an account, and who has one signs in', async () => {
    const { email, password } = person;
    const refused = await closed.client.post('/v1/auth/register', { email: `new-${email}`, password });
    expectProblem(refused, 403, 'registration_closed');
    expect((await closed.client.post('/v1/auth/login', { email, password })).status).toBe(200);
    expect(await backends.rows('SELECT 1 FROM users WHERE email = $1', [`new-${email}`])).toEqual([]);
  });

  it('the metrics: only the token opens them', async () => {
    for (const accessToken of [undefined, 'x', `${token}x`, person.accessToken]) {
      const client = accessToken === undefined ? closed.client : closed.client.as({ accessToken });
      expectProblem(await client.get('/metrics'), 401, 'unauthenticated');
    }
    const answer = await closed.client.as({ accessToken: token }).get('/metrics');
    expect([answer.status, answer.header('content-type')]).toEqual([
      200,
      expect.stringMatching(/^text\/plain/),
    ]);
    expect((await open.client.get('/metrics')).status).toBe(200);
  });

  it('the metrics: on a port of their own, they are not on the one of the API', async () => {
    const port = await freePort();
    const apart = await startTestApp({
      backends,
      env: { METRICS_PORT: String(port), METRICS_TOKEN: token },
    });
    const there = (path: string, headers = {}, method = 'GET') =>
      fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
    const known = { authorization: `Bearer ${token}` };
    expectProblem(await apart.client.as({ accessToken: token }).get('/metrics'), 404, 'route_not_found');
    const answer = await there('/metrics', known);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    expect(await answer.text()).toContain('platform_cache_requests_total');
    expect((await there('/metrics')).status).toBe(401);
    expect((await there('/v1/platforms', known)).status).toBe(404);
    expect((await there('/metrics', known, 'POST')).status).toBe(404);
    await apart.app.close();
    await expect(there('/metrics', known)).rejects.toThrow();
  });

  it.each(['/docs', '/docs-json', '/docs-yaml'])('the documents: %s is not there', async (path) => {
    expectProblem(await closed.client.get(path), 404, 'route_not_found');
    expect((await open.client.get(path)).status).toBe(200);
  });
});
