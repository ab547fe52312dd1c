import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** For a request that is on its way. */
const GRACE_MS = 1000;

/**
 * Ends connections on which nothing was ever sent when the server closes. Browsers and clients keep some in reserve; Node
 * waits for them, for as long as the other side likes, and no longer looks at its time-outs then.
 */
export function endUnusedConnections(fastify: FastifyInstance): void {
  const server = fastify.server as Server;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  fastify.addHook('preClose', (done) => {
    if (server.listening) {
      const timer = setInterval(() => {
        for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      }, GRACE_MS);
      server.once('close', () => clearInterval(timer));
    }
    done();
  });
}
