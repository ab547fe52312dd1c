import { ValidateBy, type ValidationOptions } from 'class-validator';

/**
 * Length in code points, as PostgreSQL's `varchar` and JSON Schema count it. class-validator's own does not count variation
 * selectors, so it accepts text that is too long for the column.
 */
export function Length(min: number, max: number, options?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: 'length',
      constraints: [min, max],
      validator: {
        validate: (value: unknown) => typeof value === 'string' && hasLength(value, min, max),
        defaultMessage: () => `$property must have ${min} to ${max} characters`,
      },
    },
    options,
  );
}

/** In code points. */
export function hasLength(text: string, min: number, max: number): boolean {
  // A code point has at most two code units, so a huge text is rejected without splitting it.
  if (text.length > 2 * max) return false;
  const length = [...text].length;
  return length >= min && length <= max;
}
