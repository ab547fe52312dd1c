import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { SocketListener } from '../../support/event-listener.js';
import { createPlatform, type Person, platformInput, register } from '../../support/factories.js';
import { type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { begin, finish } from '../../support/fake-instance/oauth-steps.js';
import { expectProblem } from '../../support/problems.js';

const BASE_PATH = '/shared/platforms/';

describe.each([
  ['passes the base path on', '/shared/platforms'],
  ['takes the base path off', ''],
])('behind a proxy that %s', (_, prefix) => {
  let app: TestApp;
  let ada: Person;

  beforeAll(async () => {
    app = await startTestApp({ env: { BASE_PATH } });
    ada = await register(app.client, app.backends.secrets);
  });
  afterAll(() => app.close());

  it('the API is there, on the fast lane and off it', async () => {
    expect((await ada.client.get(`${prefix}/v1/platforms`)).json()).toEqual([]);
    expect((await ada.client.get(`${prefix}/v1/platforms?refresh=true`)).status).toBe(200);
    expect((await ada.client.get(`${prefix}/v1/me`)).json()).toMatchObject({ id: ada.id });
    expect((await app.client.get(`${prefix}/health/live`)).status).toBe(200);
  });

  it('Location and the instance of a problem are paths that the client can ask for', async () => {
    const created = await ada.client.post(`${prefix}/v1/platforms`, platformInput(app.backends.secrets));
    const location = created.header('location') ?? '';
    expect(location).toMatch(/^\/shared\/platforms\/v1\/platforms\/\d+$/);
    expect((await ada.client.get(location)).status).toBe(200);
    const absent = `${prefix}/v1/platforms/2147483647`;
    for (const path of [absent, `${prefix}/v1/nothing`, `${prefix}/v1/platforms/%ff`]) {
      const { instance } = (await ada.client.get(`${path}?q=1`)).json();
      expect(instance).toBe(`/shared/platforms${path.slice(prefix.length)}`);
    }
    expectProblem(await ada.client.get(absent), 404, 'platform_not_found');
  });

  it('the document says so, and its page asks for what is below it', async () => {
    const document = await app.client.get(`${prefix}/docs-json`);
    expect(document.json()).toMatchObject({ servers: [{ url: '/shared/platforms' }] });
    const page = await app.client.get(`${prefix}/docs`);
    expect(page.status).toBe(200);
    expect(page.header('content-security-policy')).toContain("style-src 'self' 'unsafe-inline'");
    expect(await linkedFrom(page.text, '/docs')).not.toEqual([]);
  });

  it('the console is there', async () => {
    const redirect = await app.client.get(`${prefix}/console`);
    expect(redirect.header('location')).toBe('/shared/platforms/console/');
    const page = await app.client.get(`${prefix}/console/`);
    expect(await linkedFrom(page.text, '/console/')).toHaveLength(3);
    const deep = await app.client.get(`${prefix}/console/platforms/7`, { Accept: 'text/html' });
    expect(deep.text).toBe(page.text);
    const root = await app.client.get(`${prefix}/`, { Accept: 'text/html' });
    expect(root.header('location')).toBe('/shared/platforms/console/');
  });

  it.each(['websocket', 'polling'])('events come by %s', async (transport) => {
    const listener = await SocketListener.connect(app.baseUrl, {
      token: ada.accessToken,
      client: { path: `${prefix}/socket.io/`, transports: [transport] },
    });
    const { id } = await createPlatform(ada, app.backends.secrets);
    await listener.event(({ platformId }) => platformId === id);
    listener.close();
  });

  it('an event stream is there', async () => {
    const answer = await ada.client.get(`${prefix}/v1/events`);
    expect(answer.header('content-type')).toBe('text/event-stream; charset=utf-8');
  });

  /** What a page links to, all of it found. */
  const linkedFrom = async (html: string, path: string): Promise<string[]> => {
    const links = [...html.matchAll(/(?:src|href)=["']([^"']+)["']/g)].map(([, link = '']) => link);
    const paths = links.map((link) => new URL(link, `${app.baseUrl}${prefix}${path}`).pathname);
    for (const linked of paths)
      expect([linked, (await app.client.get(linked)).status]).toEqual([linked, 200]);
    return paths;
  };
});

describe('connecting by OAuth', () => {
  let app: ConnectApp;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(1);
    app = await startConnectApp({ allowlist: fakes.allowlist, env: { BASE_PATH } });
  });
  afterAll(async () => {
    await fakes.closeAll();
    await app.close();
  });

  it('comes back below the base path', async () => {
    const caller = await app.signUp();
    const begun = await begin(caller, await fakes.start('mastodon'));
    expect(begun.callback).toMatch(`${app.baseUrl}/shared/platforms/v1/connect/callback/`);
    expect(await finish(caller, Promise.resolve(begun))).toMatchObject({ status: 200 });
  });
});
