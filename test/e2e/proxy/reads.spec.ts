import http, { type IncomingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { type Person, createPlatform, platformInput, register } from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';
import { ScriptedInstance } from '../../support/scripted-instance.js';

describe('reading through the proxy', () => {
  let instance: ScriptedInstance;
  let app: TestApp;
  let owner: Person;
  let token: string;
  let base: string;

  beforeAll(async () => {
    instance = await ScriptedInstance.start();
    app = await startTestApp({
      env: { INSTANCE_HOST_ALLOWLIST: instance.host, INSTANCE_TIMEOUT_MS: '1000' },
    });
    owner = await register(app.client, app.backends.secrets);
    const input = platformInput(app.backends.secrets, { instanceUrl: instance.origin });
    token = input.accessToken;
    const { id } = await createPlatform(owner, app.backends.secrets, input);
    base = `/v1/platforms/${id}/proxy`;
  });
  beforeEach(() => {
    instance.received.length = 0;
    instance.stream = null;
    instance.answer = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"ok":true}');
    };
  });
  afterAll(async () => {
    await app.close();
    await instance.close();
  });

  const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    owner.client.get(`${base}${path}`, headers);

  /** A path exactly as given, which fetch would tidy up. */
  const getRaw = (path: string): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(app.baseUrl);
      const headers = { Authorization: `Bearer ${owner.accessToken}` };
      http
        .get({ hostname, port, path: `${base}${path}`, headers, agent: false }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
          );
        })
        .on('error', reject);
    });

  it('sends path and query as they are with the credential, and gives status and body back', async () => {
    instance.answer = (_request, response) => {
      response.writeHead(418, { 'Content-Type': 'text/plain', 'X-RateLimit-Remaining': '7' }).end('tea');
    };
    const answer = await get('/api/v1/timelines/home?limit=2&since_id=%31&x=a%2Fb');
    expect(instance.last).toMatchObject({
      method: 'GET',
      url: '/api/v1/timelines/home?limit=2&since_id=%31&x=a%2Fb',
      headers: { authorization: `Bearer ${token}` },
    });
    expect([answer.status, answer.text]).toEqual([418, 'tea']);
    expect(answer.header('x-ratelimit-remaining')).toBe('7');
    expect(answer.header('proxy-status')).toBe('platform-manager; received-status=418');
  });

  it('gives HEAD the headers, and no body', async () => {
    instance.answer = (_request, response) => {
      response.writeHead(200, { 'Content-Length': '12345', ETag: '"7"' }).end();
    };
    const answer = await owner.client.request('HEAD', `${base}/api/v1/instance`);
    expect(instance.last.method).toBe('HEAD');
    expect([answer.status, answer.text, answer.header('content-length'), answer.header('etag')]).toEqual([
      200,
      '',
      '12345',
      '"7"',
    ]);
  });

  describe('headers', () => {
    it('passes on what is about the content, and nothing that is about the caller', async () => {
      await get('/api/v1/x', {
        Accept: 'text/plain',
        'Accept-Language': 'de',
        'If-None-Match': '"5"',
        'Idempotency-Key': 'k-1',
        Cookie: 'session=1',
        'X-Api-Key': 'abc',
        'X-Auth-Token': 'abc',
        'Proxy-Authorization': 'Basic abc',
        'X-Forwarded-For': '10.0.0.1',
        'X-Forwarded-Host': 'inside',
        Forwarded: 'for=10.0.0.1',
        'X-Real-Ip': '10.0.0.1',
        'X-HTTP-Method-Override': 'DELETE',
        Origin: 'https://elsewhere.example',
        Referer: 'https://elsewhere.example/page',
        'Accept-Encoding': 'gzip',
        Range: 'bytes=0-3',
        Traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        'X-Request-Id': 'mine',
      });
      const { host, connection: _, ...headers } = instance.last.headers;
      expect(host).toBe(instance.host);
      expect(headers).toEqual({
        accept: 'text/plain',
        'accept-encoding': 'identity',
        'accept-language': 'de',
        authorization: `Bearer ${token}`,
        'idempotency-key': 'k-1',
        'if-none-match': '"5"',
        'user-agent': expect.stringContaining('PlatformManager/'),
        via: '1.1 platform-manager',
      });
    });

    it('gives back no header that tells a browser or a server in front of us what to do', async () => {
      instance.answer = (_request, response) => {
        response
          .writeHead(200, {
            'Content-Type': 'text/html',
            'Set-Cookie': 'a=b',
            'Clear-Site-Data': '"*"',
            'Strict-Transport-Security': 'max-age=1',
            'Content-Security-Policy': "script-src 'unsafe-inline'",
            'Access-Control-Allow-Origin': '*',
            'Service-Worker-Allowed': '/',
            Refresh: '0;url=https://evil.example',
            'Cache-Control': 'public, max-age=600',
            'X-Accel-Redirect': '/internal',
            'X-Sendfile': '/etc/passwd',
            'WWW-Authenticate': 'Basic realm="Log in"',
            'Alt-Svc': 'h2="evil.example:443"',
            'Proxy-Authenticate': 'Basic',
            'X-Request-Id': 'theirs',
            Server: 'theirs',
            Link: '<https://a.example/api?max_id=1>; rel="next"',
            'Retry-After': '7',
            'X-RateLimit-Limit': '300',
            'RateLimit-Remaining': '3',
          })
          .end('<script>alert(1)</script>');
      };
      const answer = await get('/page');
      const { date: _, connection: __, 'keep-alive': ___, ...headers } = Object.fromEntries(answer.headers);
      expect(headers).toEqual({
        'cache-control': 'no-store',
        'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
        'content-type': 'text/html',
        'cross-origin-resource-policy': 'same-origin',
        link: '<https://a.example/api?max_id=1>; rel="next"',
        'proxy-status': 'platform-manager; received-status=200',
        'ratelimit-remaining': '3',
        'referrer-policy': 'no-referrer',
        'retry-after': '7',
        'transfer-encoding': 'chunked',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'x-ratelimit-limit': '300',
        'x-request-id': expect.not.stringMatching('theirs'),
      });
    });

    it('drops what Connection names, in both directions', async () => {
      instance.answer = (_request, response) => {
        response.writeHead(200, { Connection: 'close, X-RateLimit-Limit', 'X-RateLimit-Limit': '1' }).end();
      };
      const answer = await get('/api');
      expect(answer.header('x-ratelimit-limit')).toBeNull();
    });
  });

  describe('the path', () => {
    it.each([
      ['/api%2Fv1%2Fx', '/api/v1/x'],
      ['/users%2F%40alice', '/users/@alice'],
      ['/%61pi/v1/%7euser', '/api/v1/~user'],
      ['/@alice/1?q=%2e%2e%2f', '/@alice/1?q=%2e%2e%2f'],
      ['/caf%c3%a9', '/caf%C3%A9'],
      ['/api/', '/api/'],
      [`/${'a'.repeat(3000)}`, `/${'a'.repeat(3000)}`],
    ])('takes %s', async (given, sent) => {
      expect((await getRaw(given)).status).toBe(200);
      expect(instance.last.url).toBe(sent);
    });

    it.each([
      '/..',
      '/api/../admin',
      '/./x',
      '/%2e%2e/x',
      '/.%2E/x',
      '/..;/x',
      '/api%2F..%2Fx',
      '/api/v1%2Fx',
      '/a%252Fb',
      '/%252e%252e/x',
      '/a%5Cb',
      '/a\\b',
      '/a%255cb',
      '/a%00b',
      '/a%0d%0aX-Y:%20z',
      '//evil.example/x',
      '/https://evil.example/x',
      '/a//b',
      '/a%b',
      '/a%zz',
      '/a<b',
      '/a"b',
    ])('refuses %s, and asks nothing', async (given) => {
      const { status, headers } = await getRaw(given);
      expect(status).toBe(400);
      expect(headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(instance.received).toEqual([]);
    });
  });

  describe('who may', () => {
    it("does not tell another user's connection from an absent one", async () => {
      const other = await register(app.client, app.backends.secrets);
      const answer = await other.client.get(`${base}/api`);
      expectProblem(answer, 404, 'platform_not_found');
      expect(answer.header('proxy-status')).toBe('platform-manager; error=http_request_denied');
      expect(instance.received).toEqual([]);
    });

    it('needs a token, and says that the 401 is ours', async () => {
      const answer = await app.client.get(`${base}/api`);
      expectProblem(answer, 401, 'unauthenticated');
      expect(answer.header('proxy-status')).toBe('platform-manager; error=http_request_denied');
    });

    it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('lets no person send %s', async (method) => {
      const answer = await owner.client.request(method, `${base}/api/v1/statuses`, { body: { status: 'x' } });
      expectProblem(answer, 403, 'policy_refused');
      expect(instance.received).toEqual([]);
    });

    it('does not use an inactive connection', async () => {
      const { id } = await createPlatform(owner, app.backends.secrets, { instanceUrl: instance.origin });
      await owner.client.patch(`/v1/platforms/${id}`, { isActive: false });
      expectProblem(await owner.client.get(`/v1/platforms/${id}/proxy/api`), 409, 'platform_inactive');
      expect(instance.received).toEqual([]);
    });
  });

  describe('redirects', () => {
    const redirect = async (location: string): Promise<string | null> => {
      instance.answer = (_request, response) => {
        response.writeHead(307, { Location: location }).end();
      };
      const answer = await get('/api/old?x=1');
      expect(answer.status).toBe(307);
      expect(instance.received).toHaveLength(1);
      return answer.header('location');
    };

    it('leads one within the instance through the proxy', async () => {
      expect(await redirect('/api/new?y=2')).toBe(`${base}/api/new?y=2`);
      instance.received.length = 0;
      expect(await redirect('newer')).toBe(`${base}/api/newer`);
      instance.received.length = 0;
      expect(await redirect('../../../../1')).toBe(`${base}/1`);
    });

    it.each([
      'https://evil.example/x',
      '//evil.example/x',
      'http://169.254.169.254/latest',
      'file:///etc/passwd',
    ])('follows none, and does not tell where one to %s leads', async (location) =>
      expect(await redirect(location)).toBeNull(),
    );

    it('does not lead to a path of ours', async () => {
      expect(await redirect(`${app.baseUrl}/v1/platforms/1`)).toBeNull();
    });
  });

  describe('a hostile instance', () => {
    const withheld = async (answer: typeof instance.answer): Promise<void> => {
      instance.answer = answer;
      const refused = await get('/api');
      expectProblem(refused, 502, 'credential_echoed');
      expect(refused.header('proxy-status')).toBe('platform-manager; error=proxy_internal_error');
    };

    it('gets no token back in a body', () =>
      withheld((_request, response) => response.end(`{"x":"${token}"}`)));

    it('gets no token back in a header', () =>
      withheld((_request, response) => response.writeHead(200, { 'X-RateLimit-Limit': token }).end('{}')));

    it('gets no token back in an address', () =>
      withheld((_request, response) =>
        response.writeHead(302, { Location: `/login?t=${encodeURIComponent(token.toUpperCase())}` }).end(),
      ));

    it.each([
      ['base64', (text: string) => Buffer.from(`user:${text}`).toString('base64')],
      ['percent-encoded', (text: string) => encodeURIComponent(text)],
      ['JSON', (text: string) => JSON.stringify({ text })],
    ])('gets no token back as %s', (_, encode) =>
      withheld((_request, response) => response.end(`... ${encode(token)} ...`)),
    );

    it('is cut off before the token is complete, wherever chunks end', async () => {
      for (const size of [1, 7, token.length - 1]) {
        instance.answer = (_request, response) => {
          const pieces = `a long beginning ${token} and an end`.match(new RegExp(`.{1,${size}}`, 'gs')) ?? [];
          response.write('first');
          void (async () => {
            for (const piece of pieces) {
              await new Promise((resolve) => setImmediate(resolve));
              response.write(piece);
            }
            response.end();
          })();
        };
        const { text, failed } = await partOf(`${base}/api`);
        expect(failed).toBe(true);
        expect(text).not.toContain(token.slice(0, 10));
        expect('firsta long beginning '.startsWith(text)).toBe(true);
      }
    });

    it.each([
      ['gzip', 'http_response_content_coding'],
      ['br', 'http_response_content_coding'],
      ['x-unknown', 'http_response_content_coding'],
    ])('is refused when it answers %s, which could hide the token', async (coding, error) => {
      instance.answer = (_request, response) =>
        response.writeHead(200, { 'Content-Encoding': coding }).end('x');
      const answer = await get('/api');
      expectProblem(answer, 502, 'instance_failed');
      expect(answer.header('proxy-status')).toBe(`platform-manager; error=${error}`);
    });

    it('that says nothing is given up', async () => {
      instance.answer = () => undefined;
      const answer = await get('/api');
      expectProblem(answer, 504, 'instance_timeout');
      expect(answer.header('proxy-status')).toBe('platform-manager; error=http_response_timeout');
    });

    it('that closes at once is a 502', async () => {
      instance.answer = (request) => request.socket.destroy();
      const answer = await get('/api');
      expectProblem(answer, 502, 'instance_failed');
      expect(answer.header('proxy-status')).toBe('platform-manager; error=destination_unavailable');
    });

    it('that does not speak HTTP is a 502', async () => {
      instance.answer = (request) => request.socket.end('SSH-2.0-OpenSSH_9.2\r\n');
      const answer = await get('/api');
      expectProblem(answer, 502, 'instance_failed');
      expect(answer.header('proxy-status')).toBe('platform-manager; error=http_protocol_error');
    });

    it('that promises more than it sends is not taken for complete', async () => {
      instance.answer = (request, response) => {
        response.writeHead(200, { 'Content-Length': '1000' }).write('begin');
        setImmediate(() => request.socket.end());
      };
      const { failed, text } = await partOf(`${base}/api`);
      expect({ failed, text }).toEqual({ failed: true, text: 'begin' });
    });

    it('that sends more than it promises is cut to its promise', async () => {
      instance.answer = (request) =>
        request.socket.end(
          'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
        );
      expect((await get('/api')).text).toBe('ok');
      instance.answer = (_request, response) => response.end('good');
      expect((await get('/api')).text).toBe('good');
    });

    it('that stops in the middle is cut off in time', async () => {
      instance.answer = (_request, response) => response.write('begin');
      const started = performance.now();
      const { failed, text } = await partOf(`${base}/api`);
      expect({ failed, text }).toEqual({ failed: true, text: 'begin' });
      expect(performance.now() - started).toBeLessThan(10_000);
    });

    it('that drips is heard to its end', async () => {
      instance.answer = (_request, response) => {
        let count = 0;
        const drip = setInterval(() => {
          response.write('.');
          if (++count === 5) {
            clearInterval(drip);
            response.end();
          }
        }, 300);
      };
      expect((await get('/api')).text).toBe('.....');
    });
  });

  it('refuses to go round in circles', async () => {
    const own = new URL(app.baseUrl).host;
    const looped = await startTestApp({
      backends: app.backends,
      env: { INSTANCE_HOST_ALLOWLIST: own },
    });
    try {
      const client = owner.client.at(looped.baseUrl);
      const { id } = await createPlatform({ client }, app.backends.secrets, { instanceUrl: app.baseUrl });
      const answer = await client.get(`/v1/platforms/${id}/proxy/v1/platforms/1/proxy/x`);
      // The first one passed it on, and the second one knows the mark of the first.
      expect(answer.status).toBe(401);
      expect(answer.header('proxy-status')).toBe('platform-manager; received-status=401');
      const marked = await owner.client.get(`${base}/api`, { Via: '1.1 platform-manager' });
      expectProblem(marked, 502, 'proxy_loop');
    } finally {
      await looped.app.close();
    }
  });

  it('stops asking when the caller goes', async () => {
    let gone: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => (gone = resolve));
    const asked = new Promise<void>((resolve) => {
      instance.answer = (_request, response) => {
        response.on('close', gone);
        resolve();
      };
    });
    const caller = new AbortController();
    const answer = fetch(`${app.baseUrl}${base}/api`, {
      headers: { Authorization: `Bearer ${owner.accessToken}` },
      signal: caller.signal,
    });
    await asked;
    caller.abort();
    await expect(answer).rejects.toThrow();
    await closed;
  });

  /** What arrives of a body, and whether it ends too early. */
  async function partOf(path: string): Promise<{ text: string; failed: boolean }> {
    const answer = await fetch(`${app.baseUrl}${path}`, {
      headers: { Authorization: `Bearer ${owner.accessToken}` },
    });
    let text = '';
    try {
      for await (const chunk of answer.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
      return { text, failed: false };
    } catch {
      return { text, failed: true };
    }
  }
});
