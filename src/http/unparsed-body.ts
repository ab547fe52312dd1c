import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';

/** For the rest of a body that the handler did not read: the client may still be sending it, and hear the answer afterwards. */
const REST_MS = 5000;

interface UnparsedConfig {
  readonly unparsedBody?: true;
}

/** What the headers say of a body that is still to be read from the request. */
export interface UnparsedBodyHeaders {
  readonly contentType: string | undefined;
  /** Bytes; null if only the end of the body will tell. */
  readonly length: number | null;
}

const bodies = new WeakMap<IncomingMessage, UnparsedBodyHeaders>();
const sending = new WeakSet<Socket>();

/** Leaves the body, of any type and size, to the handler, which also has to limit its size and time. */
export const UnparsedBody = (): MethodDecorator =>
  RouteConfig({ unparsedBody: true } satisfies UnparsedConfig);

/** Of a request to a route with `@UnparsedBody()`. */
export function unparsedBodyOf(request: IncomingMessage): UnparsedBodyHeaders {
  return bodies.get(request) ?? { contentType: undefined, length: 0 };
}

/** Whether the time-out for a whole request does not apply, because the handler has its own. */
export function hasOwnDeadline(socket: Socket): boolean {
  return sending.has(socket);
}

/** Called before the routes are added. */
export function leaveBodies(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route) => {
    if (((route.config ?? {}) as UnparsedConfig).unparsedBody !== true) return;
    route.onRequest = ({ raw }, _reply, done) => {
      const { 'content-type': contentType, 'content-length': given, ...others } = raw.headers;
      const isChunked = others['transfer-encoding'] !== undefined;
      bodies.set(raw, { contentType, length: isChunked ? null : Number(given ?? 0) });
      // Fastify parses a body if it sees one of these.
      delete raw.headers['content-type'];
      delete raw.headers['content-length'];
      delete raw.headers['transfer-encoding'];
      sending.add(raw.socket);
      done();
    };
    route.onResponse = ({ raw }, _reply, done) => {
      sending.delete(raw.socket);
      if (!raw.complete) destroyLater(raw);
      done();
    };
  });
}

function destroyLater(request: IncomingMessage): void {
  // Node throws away only what nobody has begun to read.
  request.resume();
  const timer = setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, REST_MS);
  request.once('close', () => clearTimeout(timer));
}
