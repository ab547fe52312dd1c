import { type CallHandler, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Observable, map } from 'rxjs';
import type { FastLaneInterceptor } from '../http/fast-lane.js';
import { namesTag } from '../http/if-none-match.js';
import type { RawReply } from '../http/raw-reply.js';
import { CacheMeter } from './cache-meter.js';
import { cacheStatus } from './cache-read.js';
import { CachedReply } from './cached-reply.js';

/** Measures hits and misses, reports them in `Cache-Status` (RFC 9211), and sends the cached text without parsing it. */
@Injectable()
export class CacheStatusInterceptor implements FastLaneInterceptor {
  constructor(private readonly meter: CacheMeter) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      map((result: unknown) => {
        if (!(result instanceof CachedReply)) return result;
        const http = context.switchToHttp();
        const { status, headers, body } = this.toRawReply(result, http.getRequest());
        const reply = http.getResponse<FastifyReply>().code(status);
        for (let at = 0; at < headers.length; at += 2) reply.header(headers[at] ?? '', headers[at + 1]);
        return body;
      }),
    );
  }

  /**
   * Records the read.
   *
   * @throws {DomainError} of an absent resource, or of one that may not be sent.
   */
  toRawReply(result: unknown, request: FastifyRequest): RawReply {
    if (!(result instanceof CachedReply)) throw new Error('The fast lane serves cached reads only.');
    const { read, body, etag, cacheControl, link } = result;
    this.meter.record(read);
    // Without Cache-Status: whether an id is cached would reveal that it exists and belongs to another user.
    if (typeof body !== 'string') throw body;
    const headers = ['cache-status', cacheStatus(read), 'cache-control', cacheControl];
    if (link !== null) headers.push('link', link);
    if (etag !== null) {
      headers.push('etag', etag);
      if (namesTag(request.headers['if-none-match'], etag)) return { status: 304, headers, body: undefined };
    }
    headers.push('content-type', 'application/json; charset=utf-8');
    return { status: 200, headers, body };
  }
}
