import type { ServerResponse } from 'node:http';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AuthenticatedGuard } from './auth/authenticated.guard.js';
import { type CachedAnswer, CacheStatusInterceptor } from './cache/cache-status.interceptor.js';
import type { CachedReply } from './cache/cached-reply.js';
import { AppConfig } from './config/app-config.js';
import type { AuthenticatedRequest, AuthUser } from './http/auth/auth-user.js';
import { dataHeaders } from './http/hardening.js';
import { sendProblem } from './http/problem.filter.js';
import { PlatformReplies } from './platforms/platform-replies.js';
import { RateLimitGuard } from './rate-limit/rate-limit.guard.js';

type Read = (userId: number) => Promise<CachedReply>;

const LIST = '/v1/platforms';
const DEFAULT = '/v1/platforms/default';
/** Longer numbers are left to IdPipe, which knows what is no id. */
const ONE = /^\/v1\/platforms\/([1-9]\d{0,8})$/;

/**
 * The reads that a page makes at every view, answered before Nest's pipeline is entered. Its guards, pipes, interceptor
 * and observables cost more than the whole read does (`npm run bench`); what they would call is called here in the same
 * order: sign-in, the user's rate limit, the reply, Cache-Status. A request with a query goes the long way.
 */
@Injectable()
export class HotReads implements OnModuleInit {
  readonly #securityHeaders: readonly string[];
  readonly #list: Read = (userId) => this.platforms.list(userId);
  readonly #default: Read = (userId) => this.platforms.default(userId);

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly authenticated: AuthenticatedGuard,
    private readonly rateLimit: RateLimitGuard,
    private readonly platforms: PlatformReplies,
    private readonly cacheStatus: CacheStatusInterceptor,
    { production }: AppConfig,
  ) {
    this.#securityHeaders = dataHeaders(production).flat();
  }

  /** After the hooks of every other module, the limit by address among them. */
  onModuleInit(): void {
    // The operator commands run without an HTTP server.
    const fastify = this.host.httpAdapter?.getInstance<FastifyInstance>();
    fastify?.addHook('onRequest', (request: AuthenticatedRequest, reply, done) => {
      const read = request.raw.method === 'GET' ? this.readAt(request.url) : null;
      if (read === null) return done();
      const fail = (error: unknown): unknown => sendProblem(error, request, reply);
      try {
        const user = this.authenticated.authenticate(request, 'platforms:read');
        const answer = (known: AuthUser) => this.answer(known, read, request, reply);
        (user instanceof Promise ? user.then(answer) : answer(user)).catch(fail);
      } catch (error) {
        fail(error);
      }
    });
  }

  private readAt(url: string): Read | null {
    if (!url.startsWith(LIST)) return null;
    if (url === LIST) return this.#list;
    if (url === DEFAULT) return this.#default;
    const id = ONE.exec(url)?.[1];
    return id === undefined ? null : (userId) => this.platforms.one(userId, Number(id));
  }

  private answer(user: AuthUser, read: Read, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    this.rateLimit.admitUser(user, reply);
    return read(user.id).then((cached) =>
      this.send(this.cacheStatus.answer(cached, request), request, reply),
    );
  }

  /** Past Fastify's `send`, with which a hit takes a tenth longer. What its hooks would add is added here. */
  private send({ status, headers, body }: CachedAnswer, request: FastifyRequest, reply: FastifyReply): void {
    headers.push('x-request-id', request.id, ...this.#securityHeaders);
    // Of the hooks that ran before: limits, CORS, the end of a connection.
    for (const [name, value] of Object.entries(reply.getHeaders())) headers.push(name, String(value));
    if (body !== undefined) headers.push('content-length', String(Buffer.byteLength(body)));
    const { raw } = reply;
    raw.writeHead(status, headers);
    // Not before: what cannot be written is still to be answered with an error.
    reply.hijack();
    if (body !== undefined) writeAtOnce(raw, body);
    raw.end();
  }
}

/** `end(body)` would write an empty text behind it, with which it takes a writev instead of a write. */
function writeAtOnce(response: ServerResponse, body: string): void {
  // None while an answer before it, to a pipelined request, is under way.
  const { socket } = response;
  socket?.cork();
  response.write(body);
  socket?.uncork();
}
