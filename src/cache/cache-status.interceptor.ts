import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Observable, map } from 'rxjs';
import { CacheMeter } from './cache-meter.js';
import { cacheStatus } from './cache-read.js';
import { CachedReply } from './cached-reply.js';

/** Measures hits and misses, says them in `Cache-Status` (RFC 9211), and sends the cached text without parsing it. */
@Injectable()
export class CacheStatusInterceptor implements NestInterceptor {
  constructor(private readonly meter: CacheMeter) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      map((result: unknown) => {
        if (!(result instanceof CachedReply)) return result;
        const http = context.switchToHttp();
        return this.answer(result, http.getRequest(), http.getResponse());
      }),
    );
  }

  /**
   * Counts the read and sets the headers.
   *
   * @returns the body to be sent.
   * @throws {DomainError} of an absent resource.
   */
  answer(
    { read, body, etag }: CachedReply,
    request: FastifyRequest,
    reply: FastifyReply,
  ): string | undefined {
    this.meter.record(read);
    // Without Cache-Status: whether an id is cached would tell that it exists, and belongs to somebody else.
    if (typeof body !== 'string') throw body;
    reply.header('Cache-Status', cacheStatus(read));
    reply.header('Cache-Control', 'private, no-cache');
    if (etag !== null) {
      reply.header('ETag', etag);
      if (matches(request.headers['if-none-match'], etag)) {
        reply.code(304);
        return undefined;
      }
    }
    reply.header('Content-Type', 'application/json; charset=utf-8');
    return body;
  }
}

/** `If-None-Match` compares weakly: RFC 9110, 13.1.2. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}
