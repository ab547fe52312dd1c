import pg from 'pg';

const { TIMESTAMP, TIMESTAMPTZ, DATE } = pg.types.builtins;
const TIMES: ReadonlySet<number> = new Set([TIMESTAMP, TIMESTAMPTZ, DATE]);

/**
 * How columns are read. node-postgres reads only the DateStyle ISO, and makes null of every other time: an API key that
 * expires would never end. Here such a time is an error.
 */
export const COLUMN_TYPES: pg.CustomTypesConfig = {
  getTypeParser: (id: number, format?: 'text' | 'binary') => {
    const parse = pg.types.getTypeParser(id, format) as (text: string) => unknown;
    return TIMES.has(id) ? (text: string) => time(text, parse) : parse;
  },
};

function time(text: string, parse: (text: string) => unknown): Date {
  const at = parse(text);
  if (!(at instanceof Date) || Number.isNaN(at.getTime()))
    throw new Error('PostgreSQL sent a time that is not in the DateStyle ISO.');
  return at;
}
