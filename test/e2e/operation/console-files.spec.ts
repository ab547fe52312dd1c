import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { expectProblem } from '../../support/problems.js';

/** What `npm run build` has made; the browser tests say what it does. */
describe('the console’s files', () => {
  let app: TestApp;
  let page: string;

  beforeAll(async () => {
    app = await startTestApp();
    page = (await app.client.get('/console/')).text;
  }, 120_000);
  afterAll(() => app.close());

  const plainly = async (path: string): Promise<string | null> =>
    (await fetch(`${app.baseUrl}${path}`, { headers: { 'Accept-Encoding': 'identity' } })).headers.get(
      'content-encoding',
    );

  const linked = (): string[] =>
    [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, path = '']) => new URL(path, `${app.baseUrl}/console/`).pathname,
    );

  it('are found at /console', async () => {
    const answer = await app.client.get('/console');
    expect(answer.status).toBe(302);
    expect(answer.header('location')).toBe('/console/');
  });

  it('are a page that is asked for anew each time, and links only to what never changes', async () => {
    expect((await app.client.get('/console/')).header('cache-control')).toBe('no-cache');
    expect(linked().length).toBe(3);
    for (const path of linked()) {
      const file = await app.client.get(path);
      expect(file.status).toBe(200);
      expect(file.header('cache-control')).toBe('public, max-age=31536000, immutable');
    }
  });

  it('come compressed where the browser takes that: under 120 kB of script', async () => {
    const scripts = linked().filter((path) => path.endsWith('.js'));
    const text = (await app.client.get(scripts[0] ?? '')).text;
    for (const encoding of ['br', 'gzip']) {
      let bytes = 0;
      for (const path of linked()) {
        const answer = await fetch(`${app.baseUrl}${path}`, { headers: { 'Accept-Encoding': encoding } });
        expect(answer.headers.get('content-encoding')).toBe(encoding);
        expect(answer.headers.get('vary')).toBe('accept-encoding');
        expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
        if (path.endsWith('.js')) {
          bytes += Number(answer.headers.get('content-length'));
          expect(answer.headers.get('content-type')).toContain('javascript');
          expect(await answer.text()).toBe(text);
        }
      }
      expect(bytes).toBeGreaterThan(0);
      expect(bytes).toBeLessThan(120_000);
    }
    expect(await plainly(scripts[0] ?? '')).toBe(null);
  });

  it('may load nothing from elsewhere, run nothing inline, and be framed by nobody', async () => {
    for (const path of ['/console/', ...linked()]) {
      const policy = (await app.client.get(path)).header('content-security-policy') ?? '';
      const directives = new Map(
        policy.split('; ').map((text) => text.split(/ (.*)/, 2) as [string, string]),
      );
      expect(directives.get('default-src')).toBe("'none'");
      for (const what of ['script-src', 'style-src', 'connect-src'])
        expect(directives.get(what)).toBe("'self'");
      expect(directives.get('img-src')).toBe("'self' blob:");
      for (const what of ['base-uri', 'form-action', 'frame-ancestors'])
        expect(directives.get(what)).toBe("'none'");
    }
    expect(page).not.toMatch(/<script[^>]*>[^<]/);
    expect(page).not.toMatch(/<style|style=|\son\w+=/);
  });

  it('answer the address of any page with the page, from wherever its files are found, but no program', async () => {
    for (const path of ['/console/platforms', '/console/platforms/7', '/console/no/such/page']) {
      const answer = await app.client.get(path, { Accept: 'text/html,*/*;q=0.8' });
      expect([answer.status, answer.header('content-type'), answer.header('vary')]).toEqual([
        ...[200, 'text/html; charset=utf-8', 'Accept'],
      ]);
      expect(answer.header('content-security-policy')).toContain("default-src 'none'");
      expect(answer.text).toBe(page);
      expectProblem(await app.client.get(path), 404, 'route_not_found');
    }
    expectProblem(await app.client.get('/console/x.js', { Accept: 'text/html' }), 404, 'route_not_found');
    expect(linked().every((path) => path.startsWith('/console/assets/'))).toBe(true);
  });

  it('are where GET / leads a browser; a program is told where everything is', async () => {
    const browser = await app.client.get('/', { Accept: 'text/html,*/*;q=0.8' });
    expect([browser.status, browser.header('location')]).toEqual([302, '/console/']);
    const places = (await app.client.get('/')).json<Record<string, string>>();
    expect(Object.keys(places)).toEqual([
      'name',
      'console',
      'docs',
      'openapi',
      'asyncapi',
      'problems',
      'live',
      'ready',
    ]);
    for (const [name, address] of Object.entries(places).slice(1)) {
      const { status } = await app.client.get(new URL(address).pathname);
      expect([name, status]).toEqual([name, 200]);
    }
  });

  it.each(['/console/nothing.js', '/console/../package.json', '/console/%2e%2e/main.js', '/console/assets/'])(
    'do not include %s',
    async (path) => {
      const answer = await app.client.get(path);
      expect([403, 404]).toContain(answer.status);
      expect(answer.header('content-type')).toContain('application/problem+json');
    },
  );
});
