import { describe, expect, it } from '@jest/globals';
import type { ArgumentMetadata } from '@nestjs/common';
import { InvalidField } from '../common/domain-error.js';
import { BooleanQueryPipe } from './boolean-query.pipe.js';

const QUERY: ArgumentMetadata = { type: 'query', metatype: Boolean, data: 'refresh' };

describe('BooleanQueryPipe', () => {
  it.each([
    [undefined, false],
    ['false', false],
    ['true', true],
  ])('reads %p as %p', (text, value) => {
    expect(new BooleanQueryPipe().transform(text, QUERY)).toBe(value);
  });

  it.each(['', '1', 'TRUE', 'yes', ' true', ['true', 'true'], { a: 'true' }, null])(
    'refuses %p instead of guessing',
    (text) => {
      expect(() => new BooleanQueryPipe().transform(text, QUERY)).toThrow(InvalidField);
    },
  );
});
