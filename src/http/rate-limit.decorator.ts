import { SetMetadata } from '@nestjs/common';

export const RATE_LIMIT_METADATA = Symbol('RateLimit');

/**
 * All are counted exactly. `strict`: routes where secrets can be guessed or where we work for strangers, each counted
 * separately. `instance`: the same limit, but one count for all routes that send a stored token to its instance. `reveal`:
 * revealing credentials. `avatar`: fetching pictures; a page shows many.
 */
export type RateLimitClass = 'strict' | 'instance' | 'reveal' | 'avatar';

export interface RateLimitRule {
  readonly limit: RateLimitClass;
  /** Applies only to requests whose query parameter of this name is `true`. */
  readonly query: string | undefined;
}

/** Limits a route beyond the general limits, by address and, for signed-in users, by user. */
export function RateLimit(limit: RateLimitClass, query?: string): MethodDecorator {
  return SetMetadata(RATE_LIMIT_METADATA, { limit, query } satisfies RateLimitRule);
}
