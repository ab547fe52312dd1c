import { SetMetadata } from '@nestjs/common';

export const RATE_LIMIT_METADATA = Symbol('RateLimit');

/**
 * All counted exactly. `strict`: guessing a secret, or making us work for strangers; each such route by itself. `instance`:
 * as strict, but one count for all that sends a stored token to its instance. `reveal`: giving credentials out. `avatar`:
 * fetching pictures, of which a page shows many.
 */
export type RateLimitClass = 'strict' | 'instance' | 'reveal' | 'avatar';

export interface RateLimitRule {
  readonly limit: RateLimitClass;
  /** Only requests whose query says `true` here. */
  readonly query: string | undefined;
}

/** Limits a route beyond the general limits, by address and, where the caller is known, by user. */
export function RateLimit(limit: RateLimitClass, query?: string): MethodDecorator {
  return SetMetadata(RATE_LIMIT_METADATA, { limit, query } satisfies RateLimitRule);
}
