import type { Type } from '@nestjs/common';

/** A handler is marked `@FastLane()` but has something that only Nest's request pipeline can do. Stops the start. */
export class UnsuitableFastLane extends Error {
  constructor(controller: Type, method: string, why: string) {
    super(`@FastLane() on ${controller.name}.${method}: ${why}.`);
    this.name = 'UnsuitableFastLane';
  }
}
