import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from '@redis/client';
import pg from 'pg';
import { outcome } from '../barrier.js';
import { createTestDatabase, createTestRedis } from '../databases.js';
import { type PostgresServer, startPostgres } from './postgres.js';
import { type RedisServer, startRedis } from './redis.js';

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
