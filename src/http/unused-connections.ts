import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** For a request that may be on its way. */
const GRACE_MS = 1000;
/** For a request of which a part has arrived. */
const HALF_SENT_GRACE_MS = 5000;

/**
 * When the server closes, ends connections without a complete request: those on which nothing was ever sent (browsers keep
 * some in reserve) and those that sent half a request. Node would wait for them as long as the client likes, because it no
 * longer checks its time-outs then.
 */
export function endUnusedConnections(fastify: FastifyInstance): void {
  const server = fastify.server as Server;
  /** With the request that is being answered. */
  const connections = new Map<Socket, IncomingMessage | null>();
  server.on('connection', (socket: Socket) => {
    connections.set(socket, null);
    socket.once('close', () => connections.delete(socket));
  });
  fastify.addHook('onRequest', ({ raw }, _reply, done) => {
    if (connections.has(raw.socket)) connections.set(raw.socket, raw);
    done();
  });
  fastify.addHook('onResponse', ({ raw }, _reply, done) => {
    if (connections.get(raw.socket) === raw) connections.set(raw.socket, null);
    done();
  });
  fastify.addHook('preClose', (done) => {
    if (server.listening) {
      const began = performance.now();
      const timer = setInterval(() => {
        const isLate = performance.now() - began > HALF_SENT_GRACE_MS;
        for (const [socket, request] of connections) {
          if (socket.bytesRead === 0 || (isLate && request?.complete !== true)) socket.destroy();
        }
      }, GRACE_MS);
      server.once('close', () => clearInterval(timer));
    }
    done();
  });
}
