import { Matches, ValidateBy, type ValidationOptions } from 'class-validator';

// C0 and C1 control characters, and the two Unicode line separators.
const CONTROL_CHARACTER = /[\p{Cc}\u2028\u2029]/u;

/** One line of well-formed text: no control characters, which break PostgreSQL (NUL) or a log reader. */
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

/** A credential as instances issue it: visible ASCII, which fits into an HTTP header. */
export function IsCredential(): PropertyDecorator {
  return Matches(/^[\x21-\x7e]*$/, { message: '$property must be visible ASCII characters without spaces' });
}
