import { type Socket, connect } from 'node:net';
import { type Crowd, type CrowdReport, monotonicMs } from './event-crowd.js';

// Event clients on bare sockets: a process of its own, which does as little as possible for each of them.

/** At once; each new client reads the outbox. */
const CONCURRENCY = 50;
const BUFFER_BYTES = 64 * 1024;
/** Of a body in chunks, too. */
const END_OF_MESSAGE = /\n\n(\r\n)?$/;

const report = (message: CrowdReport): void => void process.send?.(message);
const sockets: Socket[] = [];
let crowdSize = 0;
let received: number[] = [];

function join({ port, token }: Crowd): Promise<void> {
  return new Promise((resolve, reject) => {
    let unfinished = '';
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      const text = unfinished + Buffer.from(buffer.buffer, 0, bytes).toString('latin1');
      unfinished = END_OF_MESSAGE.test(text) ? '' : text;
      if (unfinished !== '') return true;
      if (text.includes('event: platform\n')) {
        received.push(monotonicMs());
        if (received.length === crowdSize) {
          report({ kind: 'received', atMs: received });
          received = [];
        }
      } else if (text.includes('event: ready\n')) resolve();
      return true;
    };
    const socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback } });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('The server has closed an event stream')));
    socket.write(
      `GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    sockets.push(socket);
  });
}

const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

async function joinAll(crowd: Crowd): Promise<void> {
  crowdSize = crowd.clients;
  const worker = async (): Promise<void> => {
    while (sockets.length < crowd.clients) await join(crowd);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  report({ kind: 'joined' });
}

process.on('message', (crowd: Crowd) => {
  void joinAll(crowd);
});
