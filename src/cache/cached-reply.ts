import type { DomainError } from '../common/domain-error.js';
import type { CacheRead } from './cache-read.js';

/** A handler's result for a cached read. CacheStatusInterceptor turns it into the HTTP response. */
export class CachedReply {
  constructor(
    readonly read: CacheRead<unknown>,
    /** JSON text, sent as it is, or the error for an absent resource. */
    readonly body: string | DomainError,
    /** Entity tag with its quotes, when the resource has a version. */
    readonly etag: string | null = null,
  ) {}
}
