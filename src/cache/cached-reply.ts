import { hash } from 'node:crypto';
import type { DomainError } from '../common/domain-error.js';
import type { CacheRead } from './cache-read.js';

/** By decoded value, which lives as long as the stored text stays the same: the text is hashed once, not per request. */
const textTags = new WeakMap<object, string>();

/** What a handler returns for a cached read. CacheStatusInterceptor makes the HTTP reply of it. */
export class CachedReply {
  constructor(
    readonly read: CacheRead<unknown>,
    /** JSON text to be sent as it is, or the error to answer with. */
    readonly body: string | DomainError,
    /** Entity tag with its quotes, or null for a resource without a version. */
    readonly etag: string | null = null,
    readonly cacheControl: 'private, no-cache' | 'no-store' = 'private, no-cache',
    /** `Link` to the next page, if there is one. */
    readonly link: string | null = null,
  ) {}
}

/** The stored text, with an entity tag of the text itself: a list has no version, and its members come and go. */
export function replyOfText(read: CacheRead<object>, link: string | null = null): CachedReply {
  let etag = textTags.get(read.value);
  if (etag === undefined) {
    etag = `"${hash('sha256', read.raw, 'base64url')}"`;
    textTags.set(read.value, etag);
  }
  return new CachedReply(read, read.raw, etag, 'private, no-cache', link);
}
