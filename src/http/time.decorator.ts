import { ValidateBy } from 'class-validator';

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i;
// PostgreSQL has no year 0, and RFC 3339 has no years after 9999.
const EARLIEST = Date.parse('0001-01-01T00:00:00Z');
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

/** An RFC 3339 time that exists in the calendar and fits into PostgreSQL. Leap seconds are refused. */
export function IsTime(): PropertyDecorator {
  return ValidateBy({
    name: 'isTime',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && isTime(value),
      defaultMessage: () => '$property must be an RFC 3339 time such as 2026-11-22T12:00:00Z',
    },
  });
}

function isTime(text: string): boolean {
  const date = RFC_3339.exec(text)?.[1];
  if (date === undefined) return false;
  const at = Date.parse(text);
  // Date.parse turns 30 February into 2 March.
  const midnight = new Date(`${date}T00:00:00Z`);
  return at >= EARLIEST && at <= LATEST && midnight.toISOString().startsWith(date);
}
