import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';
import { InvalidField } from '../common/domain-error.js';
import { isTooDeep } from './json-depth.js';
import { problemText, sendProblem } from './problem.filter.js';

const ONE_YEAR_SECONDS = 31_536_000;

/** Everything from here; Swagger UI sets styles inline and shows its images as data URLs, but runs no inline script. */
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

type Header = readonly [name: string, value: string];

/** What browsers show; everything else is data for programs. */
const PAGES = /^\/(docs|console)/;

/** Of Helmet's headers those that mean something on data (OWASP REST Security Cheat Sheet). Each header costs CPU. */
const DATA_HEADERS = [
  'Cross-Origin-Resource-Policy',
  'Referrer-Policy',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'X-Frame-Options',
];

/** For what is JSON and loads nothing, also when it is answered before any hook has run. */
export const BARE_SECURITY_HEADERS = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'SAMEORIGIN',
} as const;

/**
 * Security headers on every answer, errors included, and a limit to how deep a body may be. An answer that does not pass
 * Fastify's `reply.send` has to bring its own.
 */
export function harden(fastify: FastifyInstance, { https }: { https: boolean }): void {
  const forPages = lowerCased(helmetHeaders(https));
  const forData = dataHeaders(https);
  fastify.addHook('onSend', (request, reply, payload, done) => {
    for (const [name, value] of PAGES.test(request.url) ? forPages : forData) {
      // A route may know better.
      if (!reply.hasHeader(name)) reply.header(name, value);
    }
    done(null, payload);
  });
  fastify.addHook('preValidation', (request, reply, done) => {
    if (!isTooDeep(request.body)) return done();
    sendProblem(new InvalidField([{ pointer: '', detail: 'has too many levels' }]), request, reply);
  });
}

/** For everything but pages. @param https whether the name is always served with TLS. */
export function dataHeaders(https: boolean): readonly Header[] {
  const headers = Object.entries(helmetHeaders(https)).filter(([name]) => DATA_HEADERS.includes(name));
  return lowerCased({ ...Object.fromEntries(headers), ...BARE_SECURITY_HEADERS });
}

/** As Fastify keeps them: a name that it has to change is a new text to be looked up, at each answer. */
function lowerCased(headers: Readonly<Record<string, string>>): Header[] {
  return Object.entries(headers).map(([name, value]): Header => [name.toLowerCase(), value]);
}

/** What Helmet sets, found out once: it is the same for every answer, and making it anew costs some 50 µs of CPU. */
function helmetHeaders(https: boolean): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => (headers[name] = value),
    removeHeader: () => undefined,
  };
  const middleware = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: CONTENT_SECURITY_POLICY },
    // Meant for a name that is always served with TLS; on localhost it would lock other programs out of http.
    strictTransportSecurity: https && { maxAge: ONE_YEAR_SECONDS },
    referrerPolicy: { policy: 'no-referrer' },
  });
  middleware({} as IncomingMessage, response as unknown as ServerResponse, (error?: unknown) => {
    if (error !== undefined) throw error as Error;
  });
  return headers;
}

/**
 * What Fastify is to believe of X-Forwarded-For. `true` is one proxy, not any number: whoever believes the whole list
 * lets callers choose their address. A number means that callers cannot reach this port past the proxies; addresses
 * are checked.
 */
export function trustedProxies(
  trust: boolean | number | string[],
): boolean | string[] | ((address: string, hop: number) => boolean) {
  if (trust === false || Array.isArray(trust)) return trust;
  const proxies = trust === true ? 1 : trust;
  return (_address, hop) => hop < proxies;
}

/** What Node refuses before there is a request: too large headers (431), a time-out (408), no HTTP at all (400). */
export function refuseConnection(error: { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const body = problemText(status);
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
}
