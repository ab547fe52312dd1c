import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import {
  begin,
  browserOf,
  comeBack,
  finish,
  finishAttempt,
  listOf,
} from '../../support/fake-instance/oauth-steps.js';
import type { FakeSoftware } from '../../support/fake-instance/softwares.js';

const CONSOLE = 'https://console.example.org';

describe('the browser that connects by OAuth', () => {
  let backends: Backends;
  let app: ConnectApp;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(40);
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

  const JSON_ONLY = { Accept: 'application/json' };
  const refused = { status: 400, body: { code: 'invalid_state' } };

  async function begun(software: FakeSoftware = 'mastodon') {
    const fake = await fakes.start(software);
    const caller = await app.signUp();
    return { fake, caller, ...(await begin(caller, fake)) };
  }

  /** The callback can still be used: nothing has burned it. */
  async function expectUnused(caller: Caller, callback: string): Promise<void> {
    expect(await finish(caller, Promise.resolve({ callback }))).toMatchObject({ status: 200 });
  }

  function withQuery(callback: string, changes: Readonly<Record<string, string | null>>): string {
    const url = new URL(callback);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    return url.href;
  }

  it('has the code stored, encrypted, and nothing connected, by the callback alone', async () => {
    const { fake, caller, callback } = await begun();
    const back = await comeBack(caller, { callback });
    expect(back).toMatchObject({ status: 200, body: { attempt: expect.stringMatching(/^[\w-]{43}$/) } });
    expect(back.headers.get('cache-control')).toBe('no-store');
    expect(back.headers.get('referrer-policy')).toBe('no-referrer');
    expect(fake.asked('/oauth/token').filter(({ form }) => form.has('code'))).toEqual([]);
    expect(await listOf(caller)).toEqual([]);
    const stored = await backends.rows('SELECT * FROM connect_attempts');
    expect(JSON.stringify(stored)).not.toContain(new URL(callback).searchParams.get('code'));
  });

  it('may come back once, also when it does so twice at the same time', async () => {
    const { caller, callback } = await begun();
    const both = await Promise.all([comeBack(caller, { callback }), comeBack(caller, { callback })]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect(await comeBack(caller, { callback })).toMatchObject(refused);
  });

  it('is sent to the console with the attempt, and to returnTo where there is one', async () => {
    const { fake, caller, callback } = await begun();
    const home = await browserOf(caller).send('GET', callback);
    expect([home.status, home.headers.get('location')]).toEqual([
      303,
      expect.stringMatching(`^${app.baseUrl}/console/\\?attempt=[\\w-]{43}$`),
    ]);
    const returnTo = `${CONSOLE}/connections?tab=1`;
    const other = await begin(caller, fake, { returnTo });
    const location = (await browserOf(caller).send('GET', other.callback)).headers.get('location') ?? '';
    expect(location).toMatch(/^https:\/\/console\.example\.org\/connections\?tab=1&attempt=[\w-]{43}$/);
    const attempt = new URL(location).searchParams.get('attempt') ?? '';
    expect(await finishAttempt(caller, attempt)).toMatchObject({ status: 200 });
  });

  it('learns of a denied consent at once, and uses the attempt up', async () => {
    const { fake, caller } = await begun();
    fake.consent = false;
    const { callback } = await begin(caller, fake);
    expect(await comeBack(caller, { callback })).toMatchObject({
      status: 400,
      body: { code: 'access_denied', detail: 'Access was not granted at the instance.' },
    });
    expect(await comeBack(caller, { callback })).toMatchObject(refused);
    for (const [returnTo, home] of [
      [`${CONSOLE}/connections?tab=1`, `${CONSOLE}/connections?tab=1&`],
      [undefined, `${app.baseUrl}/console/?`],
    ]) {
      const denied = await begin(caller, fake, { returnTo });
      const { status, headers } = await browserOf(caller).send('GET', denied.callback);
      expect([status, headers.get('location')]).toEqual([303, `${home}connect=failed&code=access_denied`]);
    }
  });

  it('is told that it failed when no usable code comes', async () => {
    for (const code of [null, '', 'with\nline', 'x'.repeat(4097)]) {
      const { caller, callback } = await begun();
      const without = withQuery(callback, { code });
      expect(await comeBack(caller, { callback: without })).toMatchObject({
        body: { code: 'instance_error' },
      });
    }
  });

  it.each<[string, string, Record<string, string>]>([
    ['HEAD', 'HEAD', {}],
    ['Sec-Purpose: prefetch', 'GET', { 'Sec-Purpose': 'prefetch' }],
    ['Sec-Purpose: prefetch;prerender', 'GET', { 'Sec-Purpose': 'prefetch;prerender' }],
    ['Purpose: prefetch', 'GET', { Purpose: 'prefetch' }],
  ])('does not use the attempt up by %s', async (_, method, headers) => {
    const { caller, callback } = await begun();
    const looked = await browserOf(caller).send(method, callback, undefined, { ...JSON_ONLY, ...headers });
    expect([looked.status, looked.headers.get('cache-control')]).toEqual([204, 'no-store']);
    await expectUnused(caller, callback);
  });

  describe('a response', () => {
    it('of one instance is refused at the callback of another, and does not use the attempt up', async () => {
      const [honest, evil] = [await fakes.start('mastodon'), await fakes.start('pleroma')];
      const caller = await app.signUp();
      const [atHonest, atEvil] = [await begin(caller, honest), await begin(caller, evil)];
      const [mine, theirs] = [new URL(atHonest.callback), new URL(atEvil.callback)];
      expect(mine.pathname).not.toBe(theirs.pathname);
      // The evil instance's state with the honest one's code, as the honest one answers a request that the evil one began.
      const mixed = withQuery(atHonest.callback, { state: theirs.searchParams.get('state'), iss: null });
      expect(await comeBack(caller, { callback: mixed })).toMatchObject(refused);
      const moved = new URL(mine.search, theirs).href;
      expect(await comeBack(caller, { callback: moved })).toMatchObject(refused);
      expect(evil.asked('/oauth/token').filter(({ form }) => form.has('code'))).toEqual([]);
      await expectUnused(caller, atHonest.callback);
      await expectUnused(caller, atEvil.callback);
    });

    it.each(['https://evil.example', 'nonsense', ''])(
      'with the iss %j is refused, and does not use the attempt up',
      async (iss) => {
        const { caller, callback } = await begun();
        expect(await comeBack(caller, { callback: withQuery(callback, { iss }) })).toMatchObject(refused);
        const twice = `${callback}&iss=https%3A%2F%2Fevil.example`;
        expect(await comeBack(caller, { callback: twice })).toMatchObject(refused);
        await expectUnused(caller, callback);
      },
    );

    it('without iss does where the instance never said that it sends one, and only there', async () => {
      const { fake, caller, callback } = await begun();
      const first = Promise.resolve({ callback: withQuery(callback, { iss: null }) });
      expect(await finish(caller, first)).toMatchObject({ status: 200 });
      fake.metadataEdits = { authorization_response_iss_parameter_supported: true };
      const other = await begin(caller, fake);
      const second = Promise.resolve({ callback: withQuery(other.callback, { iss: null }) });
      expect(await finish(caller, second)).toMatchObject({ status: 400, body: { code: 'instance_error' } });
    });

    it.each([null, '', 'x', 'x'.repeat(43), "' OR 1=1 --", 'x'.repeat(5000)])(
      'with the state %j is refused',
      async (state) => {
        const { caller, callback } = await begun();
        expect(await comeBack(caller, { callback: withQuery(callback, { state }) })).toMatchObject(refused);
        await expectUnused(caller, callback);
      },
    );

    it('is refused when the attempt has expired', async () => {
      const { caller, callback } = await begun();
      await backends.rows(`UPDATE connect_attempts SET expires_at = now() - interval '1 second'`);
      expect(await comeBack(caller, { callback })).toMatchObject(refused);
    });

    it('is refused when the user has begun twenty attempts since', async () => {
      const { fake, caller, callback } = await begun();
      for (let more = 0; more < 20; more += 1) await begin(caller, fake);
      expect(await comeBack(caller, { callback })).toMatchObject(refused);
    });
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
    [CONSOLE, 'None'],
    ['', 'Lax'],
  ])('over https with CORS_ORIGINS=%j gets a __Host- cookie, new for each attempt', async (origins, site) => {
    const fake = await fakes.start('mastodon');
    const env = { PUBLIC_URL: 'https://platforms.example.org', CORS_ORIGINS: origins };
    const secure = await startConnectApp({ allowlist: [fake.host], env });
    try {
      const caller = await secure.signUp();
      const values = [];
      for (let n = 0; n < 2; n += 1) {
        const { headers } = await caller.send('POST', '/v1/connect', { instance: fake.origin });
        const [cookie = '', ...others] = headers.getSetCookie();
        expect(others).toEqual([]);
        expect(cookie).toMatch(
          new RegExp(
            `^__Host-pm_connect_[\\w-]{8}=[\\w-]{43}; Path=/; Max-Age=600; HttpOnly; SameSite=${site}; Secure$`,
          ),
        );
        values.push(cookie.split(/[=;]/)[1]);
      }
      expect(new Set(values).size).toBe(2);
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
