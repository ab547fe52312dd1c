import { CLIENT_OPTIONS, newClient } from '../../../src/cache/redis/redis-client.js';
import type { RedisServer } from './redis.js';

/** On a connection of its own, past whatever the cluster thinks of the node. */
export async function command(node: RedisServer | undefined, words: readonly string[]): Promise<unknown> {
  const [reply] = await commands(node, [words]);
  return reply;
}

/** All on one such connection. */
export async function commands(
  node: RedisServer | undefined,
  all: readonly (readonly string[])[],
): Promise<unknown[]> {
  if (node === undefined) throw new Error('There is no such node');
  const client = newClient()({
    url: node.url(),
    ...CLIENT_OPTIONS,
    disableClientInfo: true,
    // A node that hangs still takes connections; only a process without CPU is late with that.
    socket: { connectTimeout: 10_000, socketTimeout: 2000, reconnectStrategy: false },
  });
  client.on('error', () => undefined); // the failed call reports it
  await client.connect();
  try {
    return await Promise.all(all.map((words) => client.sendCommand([...words])));
  } finally {
    client.destroy();
  }
}
