import { Injectable } from '@nestjs/common';

/** Wall-clock time behind an interface, so that a test can move it. */
@Injectable()
export class Clock {
  now(): Date {
    return new Date();
  }
}
