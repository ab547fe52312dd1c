import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Observable, map } from 'rxjs';
import { namesTag } from '../http/if-none-match.js';
import { CacheMeter } from './cache-meter.js';
import { cacheStatus } from './cache-read.js';
import { CachedReply } from './cached-reply.js';

/** The HTTP response to a cached read. */
export interface CachedAnswer {
  readonly status: 200 | 304;
  /** Lower-case names and their values, alternating, as `ServerResponse.writeHead` takes them. */
  readonly headers: string[];
  readonly body: string | undefined;
}

/** Records each cached read, reports it in `Cache-Status` (RFC 9211), and sends the cached text without parsing it. */
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
   * Records the read.
   *
   * @throws {DomainError} when the resource is absent.
   */
  answer({ read, body, etag }: CachedReply, request: FastifyRequest): CachedAnswer {
    this.meter.record(read);
    // Without Cache-Status: it would reveal that the id exists and belongs to another user.
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
