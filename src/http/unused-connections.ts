import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** For a request that is on its way. */
const GRACE_MS = 1000;
/** For one of which a part has come. */
const HALF_SENT_GRACE_MS = 5000;

/**
 * Ends connections that have no whole request to be answered when the server closes: those on which nothing was ever
 * sent, as browsers and clients keep some in reserve, and those on which half of one was. Node waits for them, for as
 * long as the other side likes, and no longer looks at its time-outs then.
 */
export function endUnusedConnections(fastify: FastifyInstance): void {
  const server = fastify.server as Server;
  /** With the request that is answered there. */
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
