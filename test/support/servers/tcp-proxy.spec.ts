import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { outcome, waitUntil } from '../barrier.js';
import { freePort } from './free-port.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

describe('startTcpProxy', () => {
  let echo: Server;
  let proxy: TcpProxy;
  const clients: Socket[] = [];

  beforeAll(async () => {
    const port = await freePort();
    echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(
      port,
      '127.0.0.1',
    );
    await once(echo, 'listening');
    proxy = await startTcpProxy(port);
  });
  afterEach(async () => {
    proxy.setLatencyMs(0);
    proxy.resume();
    for (const client of clients.splice(0)) client.destroy();
    await waitUntil(() => proxy.connections === 0, { timeoutMs: 15_000, what: 'the connections to end' });
  });
  afterAll(async () => {
    await proxy.close();
    echo.close();
  });

  async function connect(): Promise<Socket> {
    const client = createConnection({ port: proxy.port, host: '127.0.0.1' });
    clients.push(client);
    await once(client, 'connect');
    return client.setEncoding('utf8');
  }

  it('delays each direction and keeps the order when the latency falls', async () => {
    const client = await connect();
    let received = '';
    client.on('data', (text: string) => (received += text));
    const startedAt = performance.now();
    proxy.setLatencyMs(300);
    client.write('first ');
    await sleep(100);
    await nextTurn(); // has taken it in by now, even when the timer was late
    proxy.setLatencyMs(0);
    client.write('second');
    await waitUntil(() => received === 'first second', { timeoutMs: 15_000, what: 'the echo' });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(299);
    proxy.setLatencyMs(50);
    const sentAt = performance.now();
    client.write('!');
    await waitUntil(() => received.endsWith('!'), { timeoutMs: 15_000, what: 'the echo', intervalMs: 1 });
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(99);
  });

  it('passes nothing while it hangs, to old and new connections, and everything after resume', async () => {
    const old = await connect();
    proxy.hang();
    const fresh = await connect();
    const echoes = [old, fresh].map(async (client) => {
      client.end('late');
      return (await client.toArray()).join('');
    });
    expect(await Promise.all(echoes.map((each) => outcome(each, 150)))).toEqual(['hung', 'hung']);
    expect(proxy.connections).toBe(2);
    proxy.resume();
    expect(await Promise.all(echoes)).toEqual(['late', 'late']);
  });

  it('passes 20 MB unchanged in size to a slow reader', async () => {
    const client = await connect();
    client.end(Buffer.alloc(20_000_000, 'x'));
    await sleep(50); // unread: every buffer on the way is full
    const pieces: string[] = await client.toArray();
    expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBe(20_000_000);
  });

  it('resets open connections and accepts new ones', async () => {
    const client = await connect();
    const failure = once(client, 'error');
    await waitUntil(() => proxy.connections === 1, { timeoutMs: 15_000, what: 'the connection' });
    proxy.reset();
    expect(await failure).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);
    await connect();
  });

  it('refuses connections between cut and restore, and breaks the open ones', async () => {
    const client = await connect();
    const failure = once(client, 'error');
    await waitUntil(() => proxy.connections === 1, { timeoutMs: 15_000, what: 'the connection' });
    await proxy.cut();
    expect(await failure).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);
    await expect(connect()).rejects.toThrow('ECONNREFUSED');
    expect(proxy.connections).toBe(0);
    await proxy.restore();
    const again = await connect();
    again.write('hello');
    expect(await once(again, 'data')).toEqual(['hello']);
  });
});
