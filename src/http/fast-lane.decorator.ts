import { SetMetadata } from '@nestjs/common';

export const FAST_LANE_METADATA = Symbol('FastLane');

/**
 * Serves a handler of GET, or of a POST that is answered with 200, without Nest's request pipeline, whose observables and
 * promises cost more than a cached read; see FastLane. The handler is called as Nest would call it, and its decorators mean
 * the same.
 */
export function FastLane(): MethodDecorator {
  return SetMetadata(FAST_LANE_METADATA, true);
}
