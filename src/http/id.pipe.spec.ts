import { describe, expect, it } from '@jest/globals';
import type { ArgumentMetadata } from '@nestjs/common';
import { InvalidField } from '../common/domain-error.js';
import { IdPipe } from './id.pipe.js';

const pipe = new IdPipe();
const param = (data?: string): ArgumentMetadata => ({ type: 'param', metatype: Number, data });

describe('IdPipe', () => {
  it.each([
    ['1', 1],
    ['42', 42],
    ['2147483647', 2_147_483_647],
  ])('takes %s', (text, id) => {
    expect(pipe.transform(text, param('id'))).toBe(id);
  });

  it.each([
    '',
    '0',
    '-1',
    '+1',
    '01',
    '1.0',
    '1e3',
    '0x10',
    ' 1',
    '1 ',
    '1\n',
    '١',
    '2147483648',
    '9999999999',
    '12345678901',
    'default',
    'NaN',
    '1;DROP TABLE users',
  ])('refuses %j: not the one spelling of a PostgreSQL integer above zero', (text) => {
    expect(() => pipe.transform(text, param('id'))).toThrow(InvalidField);
  });

  it('points to the parameter by its name, and does not repeat what was sent', () => {
    let refusal: unknown;
    try {
      pipe.transform('hunter2', param('platformId'));
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({
      errors: [
        { pointer: '#platformId', detail: 'platformId must be a whole number between 1 and 2147483647' },
      ],
    });
  });
});
