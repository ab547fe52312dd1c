import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { COLUMN_TYPES } from './times.js';

const { TIMESTAMPTZ, DATE, INT4 } = pg.types.builtins;
const read = (id: number, text: string): unknown =>
  (COLUMN_TYPES.getTypeParser as (id: number) => (text: string) => unknown)(id)(text);

describe('a time column', () => {
  it('is read as PostgreSQL writes it', () => {
    expect(read(TIMESTAMPTZ, '2026-11-28 15:01:09.25+00')).toEqual(new Date('2026-11-28T15:01:09.250Z'));
    expect(read(INT4, '7')).toBe(7);
  });

  it.each([
    [TIMESTAMPTZ, '28.11.2026 15:01:09.25 UTC'],
    [TIMESTAMPTZ, 'Sat Nov 28 15:01:09 2026 UTC'],
    [TIMESTAMPTZ, '28/11/2026 15:01:09 UTC'],
    [TIMESTAMPTZ, 'infinity'],
    [DATE, '28.11.2026'],
  ])('of type %i that says %s is an error, and not "none"', (id, text) => {
    expect(() => read(id, text)).toThrow(/DateStyle/);
  });
});
