import { SetMetadata } from '@nestjs/common';

export const RUNS_AGAIN_METADATA = Symbol('RunsAgain');

/** A repetition with the same `Idempotency-Key` is carried out like the first request. Its reply is not stored. */
export function RunsAgain(): MethodDecorator {
  return SetMetadata(RUNS_AGAIN_METADATA, true);
}
