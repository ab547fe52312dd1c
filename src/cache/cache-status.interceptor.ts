import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Observable, map } from 'rxjs';
import { namesTag } from '../http/if-none-match.js';
import { CacheMeter } from './cache-meter.js';
import { cacheStatus } from './cache-read.js';
import { CachedReply } from './cached-reply.js';

/** What is sent for a cached read. */
export interface CachedAnswer {
  readonly status: 200 | 304;
  /** Names in lower case and values, in turns, as `ServerResponse.writeHead` takes them. */
  readonly headers: string[];
  readonly body: string | undefined;
}

/** Measures hits and misses, says them in `Cache-Status` (RFC 9211), and sends the cached text without parsing it. */
@Injectable()
export class CacheStatusInterceptor implements NestInterceptor {
  constructor(private readonly meter: CacheMeter) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      map((result: unknown) => {
        if (!(result instanceof CachedReply)) return result;
        const http = context.switchToHttp();
        const { status, headers, body } = this.answer(result, http.getRequest());
        const reply = http.getResponse<FastifyReply>().code(status);
        for (let at = 0; at < headers.length; at += 2) reply.header(headers[at] ?? '', headers[at + 1]);
        return body;
      }),
    );
  }

  /**
   * Counts the read.
   *
   * @throws {DomainError} of an absent resource.
   */
  answer({ read, body, etag }: CachedReply, request: FastifyRequest): CachedAnswer {
    this.meter.record(read);
    // Without Cache-Status: whether an id is cached would tell that it exists, and belongs to somebody else.
    if (typeof body !== 'string') throw body;
    const headers = ['cache-status', cacheStatus(read), 'cache-control', 'private, no-cache'];
    if (etag !== null) {
      headers.push('etag', etag);
      if (namesTag(request.headers['if-none-match'], etag)) return { status: 304, headers, body: undefined };
    }
    headers.push('content-type', 'application/json; charset=utf-8');
    return { status: 200, headers, body };
  }
}
