import { Matches, ValidateBy, type ValidationOptions } from 'class-validator';

// The C0 and C1 controls, and the two separators that end a line as well.
const CONTROL_CHARACTER = /[\p{Cc}\u2028\u2029]/u;

/** One line of text: no control characters, which PostgreSQL (NUL) or a log reader would trip over, and whole UTF-16. */
export function IsPlainText(options?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isPlainText',
      validator: {
        validate: (value: unknown) =>
          typeof value === 'string' && value.isWellFormed() && !CONTROL_CHARACTER.test(value),
        defaultMessage: () => '$property must be text without control characters',
      },
    },
    options,
  );
}

/** A credential as instances issue them: visible ASCII, so that it can stand in an HTTP header. */
export function IsCredential(): PropertyDecorator {
  return Matches(/^[\x21-\x7e]*$/, { message: '$property must be visible ASCII characters without spaces' });
}
