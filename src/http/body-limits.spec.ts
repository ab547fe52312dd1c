import { describe, expect, it } from '@jest/globals';
import { fieldsFault, textFault } from './body-limits.js';

const fields = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`field${index}`, index]));
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('textFault', () => {
  it.each([
    ['nothing', ''],
    ['a text', '"text"'],
    ['an empty object', '{}'],
    ['16 levels', nested(16)],
    ['brackets and commas in a text', JSON.stringify(`\\"${nested(50)}${','.repeat(9000)}`)],
    ['a full batch', JSON.stringify(Array.from({ length: 500 }, () => fields(4)))],
    ['what is no JSON at all', '"\\'],
  ])('finds none in %s', (_what, text) => {
    expect(textFault(Buffer.from(text))).toBeNull();
  });

  it.each([
    ['a level too many', nested(17), 'is nested too deeply'],
    ['far too many levels', nested(500_000), 'is nested too deeply'],
    ['levels of both kinds', '{"a":['.repeat(9), 'is nested too deeply'],
    ['too many values in one array', JSON.stringify(Array(5000).fill(0)), 'has more than 5000 values'],
    [
      'too many values together',
      JSON.stringify(Array.from({ length: 1100 }, () => fields(4))),
      'has more than 5000 values',
    ],
  ])('finds %s', (_what, text, fault) => {
    expect(textFault(Buffer.from(text))).toBe(fault);
  });
});

describe('fieldsFault', () => {
  it.each([[undefined], [null], ['text'], [fields(50)], [[fields(50), [fields(50)]]], [Array(4000).fill(0)]])(
    'passes %#',
    (body) => {
      expect(fieldsFault(body)).toBeNull();
    },
  );

  it.each([[fields(51)], [[1, { inner: [fields(51)] }]], [{ inner: [{ prototype: 1 }] }]])(
    'finds %#',
    (body) => {
      expect(fieldsFault(body)).toMatch(/^has /);
    },
  );
});
