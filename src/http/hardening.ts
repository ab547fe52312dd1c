import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';
import { problemText } from './problem.filter.js';
import { hasOwnDeadline } from './unparsed-body.js';

const ONE_YEAR_SECONDS = 31_536_000;

/** Same origin only. Swagger UI sets styles inline and uses data URLs for images, but runs no inline script. */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'self'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  objectSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
};

const HALF_OPEN_MS = 1000;

type Header = readonly [name: string, value: string];

/** Pages for browsers; everything else is data for programs. */
const PAGES = /^\/(docs|console)/;

/** The Helmet headers that matter for data (OWASP REST Security Cheat Sheet). Each header costs CPU, so no others. */
const DATA_HEADERS = [
  'Cross-Origin-Resource-Policy',
  'Referrer-Policy',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'X-Frame-Options',
];

/** For JSON, which loads nothing; also for answers that are sent before any hook runs. */
export const BARE_SECURITY_HEADERS = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'SAMEORIGIN',
} as const;

/**
 * Sets security headers on every answer, including errors. An answer that bypasses Fastify's `reply.send` has to set its
 * own headers.
 */
export function harden(fastify: FastifyInstance, { https }: { https: boolean }): void {
  const forPages = lowerCased(helmetHeaders(https));
  const forData = dataHeaders(https);
  fastify.addHook('onSend', (request, reply, payload, done) => {
    for (const [name, value] of PAGES.test(request.url) ? forPages : forData) {
      // A route's own value wins.
      if (!reply.hasHeader(name)) reply.header(name, value);
    }
    done(null, payload);
  });
}

/** For everything except pages. @param https whether the host is always served with TLS. */
export function dataHeaders(https: boolean): readonly Header[] {
  const headers = Object.entries(helmetHeaders(https)).filter(([name]) => DATA_HEADERS.includes(name));
  return lowerCased({ ...Object.fromEntries(headers), ...BARE_SECURITY_HEADERS });
}

/** Lower case, so Fastify does not allocate a new key per response. */
function lowerCased(headers: Readonly<Record<string, string>>): Header[] {
  return Object.entries(headers).map(([name, value]): Header => [name.toLowerCase(), value]);
}

/** Helmet's headers, computed once: they never change, and computing them takes about 50 µs of CPU. */
function helmetHeaders(https: boolean): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => (headers[name] = value),
    removeHeader: () => undefined,
  };
  const middleware = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: CONTENT_SECURITY_POLICY },
    // Only for hosts that are always served with TLS; on localhost it would lock other programs out of http.
    strictTransportSecurity: https && { maxAge: ONE_YEAR_SECONDS },
    referrerPolicy: { policy: 'no-referrer' },
  });
  middleware({} as IncomingMessage, response as unknown as ServerResponse, (error?: unknown) => {
    if (error !== undefined) throw error as Error;
  });
  return headers;
}

/**
 * How far Fastify trusts X-Forwarded-For. `true` means one proxy, not any number: trusting the whole list would let callers
 * choose their address. With a number, callers must not be able to reach this port past the proxies; addresses are
 * checked.
 */
export function trustedProxies(
  trust: boolean | number | string[],
): boolean | string[] | ((address: string, hop: number) => boolean) {
  if (trust === false || Array.isArray(trust)) return trust;
  const proxies = trust === true ? 1 : trust;
  return (_address, hop) => hop < proxies;
}

/** Answers what Node rejects before there is a request: oversized headers (431), a time-out (408), no HTTP at all (400). */
export function refuseConnection(
  this: FastifyInstance,
  error: { readonly code?: string },
  socket: Socket,
): void {
  // Its body may be large; the handler has a deadline of its own.
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && hasOwnDeadline(socket)) return;
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  endWithProblem(socket, { statusCode: status }, this);
}

/** A last answer on a connection that has no response object. The other side cannot keep it half open for long. */
export function endWithProblem(
  socket: Duplex,
  error: unknown,
  server: Pick<FastifyInstance, 'problemTypes'>,
): void {
  const { status, body } = problemText(error, server);
  // A socket that asked for an upgrade has no listener any more: a reset would end the process.
  socket.on('error', () => socket.destroy());
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Content-Type: application/problem+json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Cache-Control: no-store',
      ...Object.entries(BARE_SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
  // Not at once: the other side would lose the answer with what it is still sending.
  const timer = setTimeout(() => socket.destroy(), HALF_OPEN_MS);
  socket.once('close', () => clearTimeout(timer));
}
