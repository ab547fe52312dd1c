import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Backends } from '../../support/backends.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { begin, browserOf, finish, listOf } from '../../support/fake-instance/oauth-steps.js';

const CONSOLE = 'https://console.example.org';

describe('the browser that connects by OAuth', () => {
  let backends: Backends;
  let app: ConnectApp;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(20);
    backends = await Backends.create();
    app = await startConnectApp({ allowlist: fakes.allowlist, backends, env: { CORS_ORIGINS: CONSOLE } });
  });
  afterEach(() => fakes.closeAll());
  afterAll(async () => {
    const log = app.log.join('\n');
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
    expect(fakes.secrets.length).toBeGreaterThan(10);
    for (const secret of fakes.secrets) expect(log).not.toContain(secret);
  });

  it('finishes an attempt once, also when its callback comes twice at the same time', async () => {
    const fake = await fakes.start('mastodon');
    const caller = await app.signUp();
    const { callback } = await begin(caller, fake);
    const browser = browserOf(caller);
    const both = await Promise.all([browser.send('GET', callback), browser.send('GET', callback)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect(await browser.send('GET', callback)).toMatchObject({
      status: 400,
      body: { code: 'invalid_state' },
    });
    expect(fake.asked('/oauth/token').filter(({ form }) => form.has('code'))).toHaveLength(1);
  });

  describe('a state', () => {
    const refused = { status: 400, body: { code: 'invalid_state' } };

    async function expectNothingDone(caller: Caller, fake: FakeInstance): Promise<void> {
      expect(fake.asked('/oauth/token').filter(({ form }) => form.has('code'))).toEqual([]);
      expect(await listOf(caller)).toEqual([]);
    }

    it('that is missing, malformed or unknown is refused', async () => {
      const fake = await fakes.start('mastodon');
      const caller = await app.signUp();
      const { callback } = await begin(caller, fake);
      for (const state of [null, '', 'x', 'x'.repeat(43), "' OR 1=1 --", 'x'.repeat(5000)]) {
        const url = new URL(callback);
        if (state === null) url.searchParams.delete('state');
        else url.searchParams.set('state', state);
        expect(await browserOf(caller).send('GET', url.href)).toMatchObject(refused);
      }
      await expectNothingDone(caller, fake);
    });

    it('that has expired is refused', async () => {
      const fake = await fakes.start('mastodon');
      const caller = await app.signUp();
      const { callback } = await begin(caller, fake);
      await app.app
        .get(DataSource)
        .query(`UPDATE connect_attempts SET expires_at = now() - interval '1 second'`);
      expect(await browserOf(caller).send('GET', callback)).toMatchObject(refused);
      await expectNothingDone(caller, fake);
    });

    it('is refused in a browser without the cookie, and in that of another user, and is then used up', async () => {
      const fake = await fakes.start('mastodon');
      const [attacker, victim] = [await app.signUp(), await app.signUp()];
      await begin(victim, fake);
      for (const browser of [app.stranger(), browserOf(victim)]) {
        const { callback } = await begin(attacker, fake);
        expect(await browser.send('GET', callback)).toMatchObject(refused);
        expect(await browserOf(attacker).send('GET', callback)).toMatchObject(refused);
      }
      await expectNothingDone(attacker, fake);
      await expectNothingDone(victim, fake);
    });

    it('of an attempt is not taken for the code of another', async () => {
      const fake = await fakes.start('mastodon');
      const caller = await app.signUp();
      const [one, other] = [await begin(caller, fake), await begin(caller, fake)];
      const mixed = new URL(one.callback);
      mixed.searchParams.set('code', new URL(other.callback).searchParams.get('code') ?? '');
      // The code's challenge is met by the other verifier only.
      const { status, body } = await browserOf(caller).send('GET', mixed.href);
      expect([status, body.code]).toEqual([400, 'invalid_grant']);
      expect(await listOf(caller)).toEqual([]);
    });

    it('is bounded in number for each user', async () => {
      const fake = await fakes.start('mastodon');
      const caller = await app.signUp();
      const first = await begin(caller, fake);
      for (let more = 0; more < 20; more += 1) await begin(caller, fake);
      expect(await browserOf(caller).send('GET', first.callback)).toMatchObject(refused);
    });
  });

  it('ends when the user denies consent, and uses the attempt up', async () => {
    const fake = await fakes.start('mastodon');
    fake.consent = false;
    const caller = await app.signUp();
    const { callback } = await begin(caller, fake);
    expect(await browserOf(caller).send('GET', callback)).toMatchObject({
      status: 400,
      body: { code: 'access_denied', detail: 'Access was not granted at the instance.' },
    });
    expect(await browserOf(caller).send('GET', callback)).toMatchObject({ body: { code: 'invalid_state' } });
    expect(await listOf(caller)).toEqual([]);
  });

  it('sends the browser to returnTo, with success or failure', async () => {
    const fake = await fakes.start('mastodon');
    const caller = await app.signUp();
    const returnTo = `${CONSOLE}/connections?tab=1`;
    const done = await finish(caller, begin(caller, fake, { returnTo }));
    const [platform] = await listOf(caller);
    expect([done.status, done.headers.get('location')]).toEqual([
      303,
      `${returnTo}&connect=connected&platformId=${String(platform?.id)}`,
    ]);
    fake.consent = false;
    const denied = await finish(caller, begin(caller, fake, { returnTo }));
    expect(denied.headers.get('location')).toBe(`${returnTo}&connect=failed&code=access_denied`);
  });

  it('lets allow-listed origins, and no others, keep the cookie of POST /v1/connect', async () => {
    const preflight = (origin: string) =>
      fetch(`${app.baseUrl}/v1/connect`, {
        method: 'OPTIONS',
        headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
      });
    const { headers } = await preflight(CONSOLE);
    expect(headers.get('access-control-allow-origin')).toBe(CONSOLE);
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])(
    'lets a page on such an origin send a %s',
    async (method) => {
      const { status, headers } = await fetch(`${app.baseUrl}/v1/platforms/1`, {
        method: 'OPTIONS',
        headers: { Origin: CONSOLE, 'Access-Control-Request-Method': method },
      });
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-methods')?.split(/, ?/)).toContain(method);
    },
  );

  it('does not mind OPTIONS of no page', async () => {
    expect((await fetch(`${app.baseUrl}/v1/platforms`, { method: 'OPTIONS' })).status).toBe(204);
  });

  it.each([
    [CONSOLE, 'SameSite=None; Secure'],
    ['', 'SameSite=Lax; Secure'],
  ])('over https with CORS_ORIGINS=%j the cookie is %s', async (origins, attributes) => {
    const fake = await fakes.start('mastodon');
    const env = { PUBLIC_URL: 'https://platforms.example.org', CORS_ORIGINS: origins };
    const secure = await startConnectApp({ allowlist: [fake.host], env });
    try {
      const caller = await secure.signUp();
      const { headers } = await caller.send('POST', '/v1/connect', { instance: fake.origin });
      expect(headers.getSetCookie()[0]?.split('HttpOnly; ')[1]).toBe(attributes);
    } finally {
      await secure.close();
    }
  });

  it.each([
    'https://evil.example/',
    'https://console.example.org.evil.example/',
    'https://console.example.org@evil.example/',
    'https://user@console.example.org/',
    'https://console.example.org:444/',
    'http://console.example.org/',
    '//evil.example/',
    '/path',
    'javascript:alert(1)',
  ])('refuses to return to %s', async (returnTo) => {
    const caller = await app.signUp();
    const answer = await caller.send('POST', '/v1/connect', { instance: 'mastodon.example', returnTo });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '/returnTo' }] } });
  });
});
