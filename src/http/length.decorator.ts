import { ValidateBy, type ValidationOptions } from 'class-validator';

/**
 * Text of so many characters, counted as PostgreSQL's `varchar` and JSON Schema count them: by code points. The one of
 * class-validator leaves variation selectors out, and lets a text through that no column takes.
 */
export function Length(min: number, max: number, options?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: 'length',
      constraints: [min, max],
      validator: {
        validate: (value: unknown) => {
          if (typeof value !== 'string') return false;
          // A code point has at most two units: a body of a megabyte is not taken to pieces.
          if (value.length > 2 * max) return false;
          const length = [...value].length;
          return length >= min && length <= max;
        },
        defaultMessage: () => `$property must have ${min} to ${max} characters`,
      },
    },
    options,
  );
}
