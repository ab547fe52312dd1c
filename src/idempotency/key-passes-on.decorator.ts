import { SetMetadata } from '@nestjs/common';

export const KEY_PASSES_ON_METADATA = Symbol('KeyPassesOn');

/** The `Idempotency-Key` of the request is not for us. */
export function KeyPassesOn(): MethodDecorator {
  return SetMetadata(KEY_PASSES_ON_METADATA, true);
}
