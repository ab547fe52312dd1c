import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AppConfig } from '../config/app-config.js';
import { asksForCookie } from '../sessions/cookie-mark.js';
import { InvalidRefreshToken, SessionCookieRefused } from './auth.errors.js';

const ROUTES = '/v1/auth/';
/** Those that take the token from the cookie when the body has none. */
const TAKING = ['/v1/auth/refresh', '/v1/auth/logout'];
const ENDING = '/v1/auth/logout';
const TOKEN = /^[\w.-]{1,100}$/;

/**
 * Keeps the refresh token of a page of this server where no script can read it. The routes do not know of it: what comes
 * in the cookie is put into the body before they run, and what they answer is taken out of the body afterwards, also out
 * of a reply that an Idempotency-Key repeats.
 *
 * Against requests that other sites make with the cookie: it is SameSite=Strict, and only a request with a header of its
 * own counts, which needs CORS elsewhere, and of which the browser says that it comes from this origin. The body is JSON.
 *
 * Call it before the routes are registered.
 */
export function keepSessionsInCookies(fastify: FastifyInstance, config: AppConfig): void {
  const cookie = new SessionCookie(config);
  fastify.addHook('onRoute', (route) => {
    const { url } = route;
    if (route.method !== 'POST' || !url.startsWith(ROUTES)) return;
    route.preValidation = (request, reply, done) => {
      if (asksForCookie(request.headers)) {
        if (request.headers['sec-fetch-site'] !== 'same-origin') throw new SessionCookieRefused();
        if (TAKING.includes(url)) cookie.intoBody(request);
        // Whatever comes of the rest: somebody who leaves a shared computer has signed out of it.
        if (url === ENDING) reply.header('Set-Cookie', cookie.ended);
      }
      done();
    };
    route.onSend = (request, reply, payload, done) => {
      const isSession =
        asksForCookie(request.headers) && reply.statusCode < 300 && typeof payload === 'string';
      done(null, isSession ? cookie.outOfBody(payload, reply) : payload);
    };
  });
}

/** `__Host-`: no sibling site can set it (RFC 6265bis, 4.1.3.2). Browsers take it over https, and from loopback addresses. */
class SessionCookie {
  readonly ended: string;
  readonly #name: string;
  readonly #attributes = 'Path=/; HttpOnly; Secure; SameSite=Strict';
  readonly #maxAgeSeconds: number;

  constructor({ publicUrl, tokens }: AppConfig) {
    // Ports and paths do not separate cookies: each deployment on a host has a name of its own.
    const deployment = createHash('sha256').update(publicUrl).digest('hex').slice(0, 8);
    this.#name = `__Host-pm_session_${deployment}`;
    this.#maxAgeSeconds = tokens.refreshTtlSeconds;
    this.ended = `${this.#name}=; ${this.#attributes}; Max-Age=0`;
  }

  /** @throws {InvalidRefreshToken} if there is neither a cookie nor a token in the body. */
  intoBody(request: FastifyRequest): void {
    const { body } = request;
    // Anything else is refused by validation.
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return;
    if ('refreshToken' in body) return;
    const refreshToken = this.tokenOf(request);
    if (refreshToken === undefined) throw new InvalidRefreshToken();
    request.body = { ...body, refreshToken };
  }

  /** @returns the body without its refresh token, which goes into the cookie. */
  outOfBody(payload: string, reply: FastifyReply): string {
    if (payload === '') return payload;
    const { refreshToken, ...rest } = JSON.parse(payload) as { readonly refreshToken?: string };
    if (refreshToken === undefined) return payload;
    const lifetime = `Max-Age=${this.#maxAgeSeconds}`;
    reply.header('Set-Cookie', `${this.#name}=${refreshToken}; ${this.#attributes}; ${lifetime}`);
    return JSON.stringify(rest);
  }

  private tokenOf({ headers }: FastifyRequest): string | undefined {
    const start = `${this.#name}=`;
    const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
    const token = pairs.find((pair) => pair.startsWith(start))?.slice(start.length);
    return token !== undefined && TOKEN.test(token) ? token : undefined;
  }
}
