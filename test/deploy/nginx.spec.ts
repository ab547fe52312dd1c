import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { DeafServer } from '../support/servers/deaf-server.js';
import { Nginx } from '../support/servers/nginx.js';

describe('nginx with deploy/nginx.conf', () => {
  const servers: Server[] = [];
  const deaf: DeafServer[] = [];
  let seen: { method: string; url: string; headers: IncomingMessage['headers'] }[];
  let nginx: Nginx | undefined;

  beforeEach(() => {
    seen = [];
  });
  afterEach(async () => {
    await nginx?.close();
    for (const server of deaf.splice(0)) server.close();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function process(answer: (request: IncomingMessage, response: ServerResponse) => void) {
    const server = createServer((request, response) => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
      request.resume().on('end', () => answer(request, response));
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  const well = () => process((_request, response) => response.end('well'));

  async function gone(): Promise<number> {
    const server = await DeafServer.start();
    deaf.push(server);
    return server.port;
  }

  async function send(method: string, path: string): Promise<string> {
    const body = method === 'GET' ? {} : { body: '{}', headers: { 'Content-Type': 'application/json' } };
    const url = `${nginx?.baseUrl}${path}`;
    const answer = await fetch(url, { method, ...body, signal: AbortSignal.timeout(30_000) });
    return `${answer.status} ${answer.status === 200 ? await answer.text() : ''}`;
  }
  const times = (count: number, work: (n: number) => Promise<string>) =>
    Promise.all(Array.from({ length: count }, (_, n) => work(n)));
  const carriedOut = () => seen.map(({ method, url }) => `${method} ${url}`).sort();

  it.each(['GET', 'PATCH', 'POST', 'DELETE'])(
    'answers each %s while one of two processes has gone without a trace, and sends it once',
    async (method) => {
      nginx = await Nginx.start([await gone(), await well()]);
      const answers = await times(6, (n) => send(method, `/v1/platforms/${n}`));
      expect(answers).toEqual(answers.map(() => '200 well'));
      expect(carriedOut()).toEqual(answers.map((_, n) => `${method} /v1/platforms/${n}`));
    },
  );

  it('sends a read that was cut off to the next process, and never a PATCH or POST', async () => {
    nginx = await Nginx.start([await process((request) => request.socket.destroy()), await well()]);
    const reads = await times(4, (n) => send('GET', `/v1/platforms/${n}`));
    expect(reads).toEqual(reads.map(() => '200 well'));
    seen = [];
    const methods = ['PATCH', 'POST', 'PATCH', 'POST'];
    const writes = await times(4, (n) => send(methods[n] ?? '', `/v1/platforms/${n}`));
    expect([...new Set(writes)].sort()).toEqual(['200 well', '502 ']);
    expect(carriedOut()).toEqual(methods.map((method, n) => `${method} /v1/platforms/${n}`).sort());
  });

  it('logs neither the code of an OAuth callback nor any other query', async () => {
    nginx = await Nginx.start([await well()]);
    const headers = { Referer: 'https://instance.example/?code=hidden' };
    await fetch(`${nginx.baseUrl}/v1/connect/callback/key?code=hidden&state=hidden`, { headers });
    const logged = async () => (await nginx?.accessLog())?.includes('GET /v1/connect/callback/key') ?? false;
    await waitUntil(logged, { timeoutMs: 10_000, what: 'the request to be logged' });
    expect(await nginx.accessLog()).not.toContain('hidden');
  });

  it('says who asks, whatever they say themselves, and keeps /metrics inside', async () => {
    nginx = await Nginx.start([await well()]);
    const headers = { 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'https' };
    await fetch(`${nginx.baseUrl}/v1/platforms`, { headers });
    expect(seen[0]?.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      host: new URL(nginx.baseUrl).host,
    });
    expect(await send('GET', '/metrics')).toBe('404 ');
    expect(seen).toHaveLength(1);
  });
});
