import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../../../test/support/barrier.js';
import { connectRedis } from '../../../test/support/connect-redis.js';
import { rawClient } from '../../../test/support/raw-client.js';
import { sealedEntries } from '../../../test/support/sealed-entries.js';
import { type RedisServer, startRedis } from '../../../test/support/servers/redis.js';
import { RedisHealth } from './redis-health.js';
import { RedisStore } from './redis-store.js';

// Far above what a loaded machine needs: only the connection's own timeouts matter here.
const DEADLINE_MS = 60_000;
/** Longer than the 5 s within which a server must answer a PING. */
const STALL_MS = 6000;
const WAIT = { timeoutMs: 45_000, intervalMs: 20 };

function stall(durationMs: number): void {
  const until = performance.now() + durationMs;
  while (performance.now() < until);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('RedisConnection', () => {
  let server: RedisServer;
  let health: RedisHealth;
  let store: RedisStore;

  const inUse = () => waitUntil(() => health.state === 'closed', { ...WAIT, what: 'Redis to be in use' });

  beforeEach(async () => {
    server = await startRedis();
    const connection = connectRedis(server.url(), DEADLINE_MS);
    health = new RedisHealth(connection, { log: () => undefined, warn: () => undefined });
    store = new RedisStore(connection, health.breaker, DEADLINE_MS, sealedEntries(), '');
    await health.start();
    await inUse();
  });
  afterEach(async () => {
    server.thaw();
    await health.stop();
    await server.remove();
  });

  it('keeps a healthy connection when this process stalls for longer than a server may', async () => {
    const { epoch } = health;
    const client = rawClient(health);
    const events: unknown[] = [];
    for (const name of ['error', 'reconnecting', 'end']) client.on(name, (why) => events.push([name, why]));

    const inFlight = store.get('key');
    await nextTurn(); // the command is on the wire
    stall(STALL_MS);
    expect(await inFlight).toBeNull();
    const pinged = client.ping(); // while the watchdog's own PING is due
    stall(STALL_MS);
    expect(await pinged).toBe('PONG');
    await nextTurn();

    expect(events).toEqual([]);
    expect(health.epoch).toBe(epoch);
    expect(rawClient(health)).toBe(client);
  });

  it('ends the connection to a server that hangs, without any read, and uses the server again when it answers', async () => {
    const client = rawClient(health);
    await server.freeze();
    // 6 s: a PING a second, 5 s each. Up to four times as long while this process is too busy to count.
    await waitUntil(() => health.state !== 'closed', { timeoutMs: 25_000, what: 'the connection to end' });
    expect(client.isOpen).toBe(false);

    server.thaw();
    await inUse();
    expect(rawClient(health)).not.toBe(client);
    expect(await store.get('key')).toBeNull();
  });

  it('fails the commands that wait for a server that hangs when it ends the connection', async () => {
    await server.freeze();
    await expect(store.get('key')).rejects.toMatchObject({ reason: 'redis-unavailable' });
    expect(health.state).not.toBe('closed');
  });

  it('closes at once while it connects to a server that hangs', async () => {
    await server.freeze();
    const connection = connectRedis(server.url(), DEADLINE_MS);
    const identity = connection.identity();
    await nextTurn();
    connection.close();
    await expect(identity).rejects.toMatchObject({ why: 'There is no connection to Redis' });
  });

  it('connects again after an attempt to connect to a server that hung', async () => {
    await server.freeze();
    const connection = connectRedis(server.url(), DEADLINE_MS);
    await expect(connection.identity()).rejects.toMatchObject({ reason: 'redis-timeout' });
    server.thaw();
    await waitUntil(
      () =>
        connection.identity().then(
          () => true,
          () => false,
        ),
      { ...WAIT, what: 'the next attempt' },
    );
    expect(await connection.client.dbSize()).toBe(0);
    connection.close();
  });
});
