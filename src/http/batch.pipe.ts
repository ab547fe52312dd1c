import { setImmediate } from 'node:timers/promises';
import { Injectable, type PipeTransform, type Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import { InvalidField } from '../common/domain-error.js';
import { VALIDATION_OPTIONS, fieldProblems } from './validation.js';

/** Enough to know what is wrong. */
const MAX_REPORTED = 20;
/** Between two pauses: so many take a few milliseconds. */
const ITEMS_AT_ONCE = 25;

/** A body that is a JSON array of 1 to `max` valid `item`s. One invalid item refuses the whole body. */
@Injectable()
export class BatchPipe<T extends object> implements PipeTransform<unknown, Promise<T[]>> {
  constructor(
    private readonly item: Type<T>,
    private readonly max: number,
  ) {}

  async transform(body: unknown): Promise<T[]> {
    if (!Array.isArray(body) || body.length === 0 || body.length > this.max) {
      throw new InvalidField([{ pointer: '', detail: `must be an array of 1 to ${this.max} items` }]);
    }
    const items: T[] = [];
    const problems = [];
    for (const [index, plain] of body.entries()) {
      // Other requests get their turn meanwhile.
      if (index > 0 && index % ITEMS_AT_ONCE === 0) await setImmediate();
      const problem = typeof plain !== 'object' || plain === null || Array.isArray(plain);
      const item = problem ? null : plainToInstance(this.item, plain);
      if (item === null) {
        problems.push({ pointer: `/${index}`, detail: 'must be an object' });
      } else {
        problems.push(...fieldProblems(await validate(item, VALIDATION_OPTIONS), `/${index}`));
        items.push(item);
      }
      if (problems.length >= MAX_REPORTED) break;
    }
    if (problems.length > 0) throw new InvalidField(problems);
    return items;
  }
}
