import { createConnection } from 'node:net';
import type { RedisServer } from './redis.js';

// A node that hangs still takes connections, and answers nothing.
const SILENCE_MS = 2000;

/**
 * On a connection of its own, past whatever the cluster thinks of the node. Not by a client of a library: whoever waits
 * for a failover asks hundreds of times, and setting such a client up costs more than the rest of the test.
 */
export async function command(node: RedisServer | undefined, words: readonly string[]): Promise<unknown> {
  const [reply] = await commands(node, [words]);
  return reply;
}

/** One after the other, over one connection. @throws the first error among the replies. */
export async function commands(
  node: RedisServer | undefined,
  all: readonly (readonly string[])[],
): Promise<unknown[]> {
  if (node === undefined) throw new Error('There is no such node');
  const name = `Redis on port ${node.port}`;
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = createConnection({ port: node.port, host: '127.0.0.1' });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(SILENCE_MS, () => fail(new Error(`${name} is silent`)));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error(`${name} closed the connection`)));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const replies = read(received, all.length);
      if (replies === null) return;
      const error = replies.find((reply) => reply instanceof Error);
      if (error) return fail(error);
      socket.destroy();
      resolve(replies);
    });
    socket.write(all.map(encode).join(''));
  });
}

function encode(words: readonly string[]): string {
  const lines = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${lines.join('')}`;
}

/** So many replies of RESP 2 from the beginning; null when they are not all there yet. */
function read(bytes: Buffer, count: number): unknown[] | null {
  let at = 0;
  const next = (): unknown => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) throw new Incomplete();
    const kind = String.fromCharCode(bytes[at] ?? 0);
    const line = bytes.toString('utf8', at + 1, end);
    at = end + 2;
    if (kind === '-') return new Error(line);
    if (kind === ':') return Number(line);
    if (kind === '+') return line;
    const length = Number(line);
    if (length < 0) return null;
    if (kind === '*') return Array.from({ length }, next);
    const text = bytes.toString('utf8', at, at + length);
    at += length + 2;
    if (at > bytes.length) throw new Incomplete();
    return text;
  };
  try {
    return Array.from({ length: count }, next);
  } catch (error) {
    if (error instanceof Incomplete) return null;
    throw error;
  }
}

class Incomplete extends Error {}
