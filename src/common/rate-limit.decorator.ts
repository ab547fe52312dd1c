import { SetMetadata } from '@nestjs/common';

export const RATE_LIMIT_METADATA = Symbol('RateLimit');

/** `strict`: guessing a secret, or making us work for strangers. Counted exactly, for each such route by itself. */
export type RateLimitClass = 'strict';

/** Limits a route beyond the general limits, by address and, where the caller is known, by user. */
export function RateLimit(limit: RateLimitClass): MethodDecorator {
  return SetMetadata(RATE_LIMIT_METADATA, limit);
}
