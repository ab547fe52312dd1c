import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { createClient } from 'redis';
import { Barrier, deferred, waitUntil, within } from './barrier.js';
import { createTestDatabase, createTestRedis } from './databases.js';
import { type ApiProcess, startApi } from './servers/api-process.js';
import { freePort } from './servers/free-port.js';
import { type PostgresServer, startPostgres } from './servers/postgres.js';
import { type RedisServer, startRedis } from './servers/redis.js';
import { startTcpProxy, type TcpProxy } from './servers/tcp-proxy.js';

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function redisCall(url: string, ...command: string[]): Promise<unknown> {
  const client = createClient({ url, socket: { reconnectStrategy: false }, disableOfflineQueue: true });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

/** What a promise does within a short while: what a hang looks like from outside. */
async function outcome(promise: Promise<unknown>, timeoutMs = 300): Promise<string> {
  const settled = promise.then(
    () => 'answered',
    () => 'failed',
  );
  return within(settled, timeoutMs, () => new Error('hung')).catch(() => 'hung');
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('startPostgres', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ settings: { max_connections: '50' } });
  });
  afterAll(() => server.remove());

  it('keeps committed rows and the port through kill and start', async () => {
    await query(server.url(), 'CREATE TABLE kept (id int)');
    await query(server.url(), 'INSERT INTO kept VALUES (1), (2)');
    const { pid } = server;
    const url = server.url();
    const held = new pg.Client({ connectionString: url });
    held.on('error', () => undefined);
    await held.connect();
    const lost = new Promise<void>((resolve) => held.once('end', resolve));
    await server.kill();
    await lost;
    expect(isAlive(pid)).toBe(false);
    await expect(query(url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await server.start();
    expect(server.pid).not.toBe(pid);
    expect(await query(url, 'SELECT id FROM kept ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('answers nobody while frozen, neither an open connection nor a new one, and all after thaw', async () => {
    const open = new pg.Client({ connectionString: server.url() });
    await open.connect();
    await server.freeze();
    const onOpen = open.query('SELECT 1');
    expect(await outcome(onOpen)).toBe('hung');
    expect(await outcome(query(server.url(), 'SELECT 1'))).toBe('hung');
    server.thaw();
    expect(await outcome(onOpen, 15_000)).toBe('answered');
    await open.end();
  });

  it('stops even when frozen, and starts again', async () => {
    await server.freeze();
    await server.stop();
    await server.start();
    expect(await query(server.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('takes settings, and counts statements', async () => {
    const rows = await query(
      server.url(),
      "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'max_connections') ORDER BY 1",
    );
    expect(rows).toEqual([
      { name: 'fsync', setting: 'off' },
      { name: 'max_connections', setting: '50' },
    ]);
    await query(server.url(), 'CREATE EXTENSION pg_stat_statements');
    expect(await query(server.url(), 'SELECT 1 FROM pg_stat_statements LIMIT 1')).toHaveLength(1);
  });

  it('names the reason when the server refuses to start', async () => {
    await expect(startPostgres({ settings: { max_connections: 'many' } })).rejects.toThrow(/max_connections/);
  });
});

describe('startRedis', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis({ args: ['--maxmemory', '50mb'] });
  });
  afterAll(() => server.remove());

  it('hangs a PING while frozen and answers it after thaw', async () => {
    await server.freeze();
    const ping = redisCall(server.url(), 'PING');
    expect(await outcome(ping)).toBe('hung');
    server.thaw();
    expect(await ping).toBe('PONG');
  });

  it('is empty after kill and start, on the same port with the same arguments', async () => {
    await redisCall(server.url(255), 'SET', 'key', 'value');
    await server.kill();
    await expect(redisCall(server.url(), 'PING')).rejects.toThrow('ECONNREFUSED');
    await server.start();
    expect(await redisCall(server.url(255), 'GET', 'key')).toBeNull();
    expect(await redisCall(server.url(), 'CONFIG', 'GET', 'maxmemory')).toMatchObject({
      maxmemory: '52428800',
    });
  });
});

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

describe('startApi', () => {
  let folder: string;
  let api: ApiProcess | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'test-api-'));
  });
  afterEach(() => api?.kill());
  afterAll(() => rm(folder, { recursive: true }));

  async function entry(name: string, lines: string[]): Promise<string> {
    const file = join(folder, `${name}.mjs`);
    await writeFile(file, lines.join('\n'));
    return file;
  }

  function server(...lines: string[]): Promise<string> {
    return entry('server', [
      "import { createServer } from 'node:http';",
      'const server = createServer((_, response) => response.end(JSON.stringify(process.env)));',
      'server.listen(Number(process.env.PORT), process.env.HOST);',
      ...lines,
    ]);
  }

  it('rejects at once with the output when the process exits', async () => {
    const file = await entry('exits', [
      "console.log('said'); console.error('SECRET is missing'); process.exitCode = 3;",
    ]);
    const startedAt = performance.now();
    await expect(startApi({ env: {}, entry: file })).rejects.toThrow(
      /code 3[^]*said[^]*SECRET is missing|code 3[^]*SECRET is missing[^]*said/,
    );
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('gives the process its environment and nothing else', async () => {
    process.env.LEAKED_FROM_JEST = 'yes';
    api = await startApi({ env: { GIVEN: 'value' }, entry: await server() });
    const seen = (await (await fetch(`${api.baseUrl}/env`)).json()) as Record<string, string>;
    delete process.env.LEAKED_FROM_JEST;
    expect(Object.keys(seen).sort()).toEqual(['GIVEN', 'HOME', 'HOST', 'PATH', 'PORT']);
    expect(seen).toMatchObject({ GIVEN: 'value', HOST: '127.0.0.1', PORT: String(api.port) });
  });

  it('returns the exit code of a process that ends on SIGTERM', async () => {
    const file = await server("process.on('SIGTERM', () => { console.log('bye'); process.exit(7); });");
    api = await startApi({ env: {}, entry: file });
    expect(await api.stop()).toBe(7);
    expect(await api.exited).toBe(7);
    expect(api.output).toEqual(['bye']);
  });

  it('kills a process that ignores SIGTERM, and one that is frozen', async () => {
    const file = await server("process.on('SIGTERM', () => console.log('no'));");
    api = await startApi({ env: {}, entry: file });
    expect(await api.stop(200)).toBeNull();
    api = await startApi({ env: {}, entry: file });
    await api.freeze();
    await api.kill();
    expect(await api.exited).toBeNull();
  });
});

describe('the reaper', () => {
  // A process of its own that keeps a grandchild-like server and a folder, and is then killed.
  it('ends the processes and removes the folders of an owner that was killed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'test-reaped-'));
    const program = join(dirname(fileURLToPath(import.meta.url)), 'servers', 'reaper-process.mjs');
    const victim = spawn('sleep', ['60'], { stdio: 'ignore' });
    const ended = once(victim, 'exit');
    const owner = spawn(process.execPath, [
      '-e',
      "const r = require('child_process').spawn(process.execPath, [process.argv[1]], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });" +
        "r.stdin.write(process.argv.slice(2).map((item) => '+' + item + '\\n').join(''), () => console.log('kept'));",
      program,
      String(victim.pid),
      folder,
    ]);
    await once(owner.stdout, 'data');
    owner.kill('SIGKILL');
    await within(ended, 10_000, () => new Error('the process was left behind'));
    await waitUntil(() => !existsSync(folder), { timeoutMs: 10_000, what: 'the folder to be removed' });
  });
});

describe('createTestDatabase', () => {
  it('gives each caller an empty database, and drops it under open connections', async () => {
    const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    await query(one.url, 'CREATE TABLE mine (id int)');
    await expect(query(other.url, 'SELECT * FROM mine')).rejects.toThrow('does not exist');
    const held = new pg.Client({ connectionString: one.url });
    held.on('error', () => undefined);
    await held.connect();
    await Promise.all([one.drop(), other.drop()]);
    await expect(query(one.url, 'SELECT 1')).rejects.toThrow('does not exist');
  });
});

describe('createTestRedis', () => {
  it('gives each caller a database number of its own, never 0, and flushes that one only', async () => {
    const [one, other] = await Promise.all([createTestRedis(), createTestRedis()]);
    expect(one.url).not.toBe(other.url);
    expect([one.url, other.url].filter((url) => url.endsWith('/0'))).toEqual([]);
    await redisCall(one.url, 'SET', 'key', 'one');
    await redisCall(other.url, 'SET', 'key', 'other');
    await one.flush();
    expect(await redisCall(one.url, 'GET', 'key')).toBeNull();
    expect(await redisCall(other.url, 'GET', 'key')).toBe('other');
  });
});

describe('barriers', () => {
  it('lets nobody pass before the last has arrived', async () => {
    const barrier = new Barrier(3);
    const early = [barrier.arrive(), barrier.arrive()];
    expect(await Promise.all(early.map((each) => outcome(each, 30)))).toEqual(['hung', 'hung']);
    await Promise.all([...early, barrier.arrive()]);
  });

  it('says who is missing', async () => {
    const barrier = new Barrier(2);
    await expect(barrier.arrive(20)).rejects.toThrow('1 of 2 arrived within 20 ms');
  });

  it('waits for a condition, says what it waited for, and passes on an error of the condition', async () => {
    const ready = deferred<string>();
    let value: string | undefined = undefined;
    const waiting = waitUntil(() => value, { timeoutMs: 1_000, what: 'a value' });
    value = 'there';
    ready.resolve('done');
    expect(await waiting).toBe('there');
    expect(await ready.promise).toBe('done');
    await expect(waitUntil(() => false, { timeoutMs: 30, what: 'a miracle' })).rejects.toThrow(
      'Waited 30 ms in vain for a miracle',
    );
    const broken = (): boolean => {
      throw new Error('broken');
    };
    await expect(waitUntil(broken, { timeoutMs: 1_000, what: 'nothing' })).rejects.toThrow('broken');
    const never = new Promise<boolean>(() => undefined);
    await expect(waitUntil(() => never, { timeoutMs: 30, what: 'never' })).rejects.toThrow('in vain');
  });
});
