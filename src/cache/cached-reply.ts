import type { DomainError } from '../common/domain-error.js';
import type { CacheRead } from './cache-read.js';

/** What a handler returns for a cached read; CacheStatusInterceptor turns it into the HTTP answer. */
export class CachedReply {
  constructor(
    readonly read: CacheRead<unknown>,
    /** JSON text to be sent as it is, or the error of an absent resource. */
    readonly body: string | DomainError,
    /** Entity tag, quotes included, when the resource has a version. */
    readonly etag: string | null = null,
  ) {}
}
