import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../../../test/support/barrier.js';
import { command } from '../../../test/support/servers/redis-command.js';
import { type RedisServer, startRedis } from '../../../test/support/servers/redis.js';
import { findQueueServer } from './queue-server.js';

describe('findQueueServer', () => {
  let node: RedisServer;

  beforeAll(async () => {
    // A cluster of one node, which nobody has told its own address.
    node = await startRedis({ args: ['--cluster-enabled', 'yes', '--bind', '127.0.0.1', '::1'] });
    await command(node, ['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
    const isWell = async () => String(await command(node, ['CLUSTER', 'INFO'])).includes('cluster_state:ok');
    await waitUntil(isWell, { timeoutMs: 30_000, what: 'the cluster to be ready' });
  });
  afterAll(() => node.remove());

  it.each(['127.0.0.1', '::1'])('finds a node of a cluster at %s, as sockets take it', async (host) => {
    const url = `redis://${host.includes(':') ? `[${host}]` : host}:${node.port}`;
    const found = { host, port: node.port };
    expect(await findQueueServer({ kind: 'single', url }, 'queue', false)).toEqual(found);
    expect(await findQueueServer({ kind: 'single', url }, 'queue', true)).toEqual(found);
    expect(await findQueueServer({ kind: 'cluster', urls: [url] }, 'queue', false)).toEqual(found);
  });
});
