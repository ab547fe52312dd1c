import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { Matches, ValidateBy } from 'class-validator';
import { isVisible, normalText } from '../common/normal-text.js';

// C0 and C1 control characters, and the two Unicode line separators.
const CONTROL_CHARACTER = /[\p{Cc}\u2028\u2029]/u;

/** Replaces a text by what `form` makes of it; anything else is left for the validator to reject. */
export function InForm(form: (text: string) => string): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? form(value) : value));
}

/** One line of text from a person, in normal form: trimmed, NFC, and with something to see. May be empty; see `Length`. */
export function IsPlainText(): PropertyDecorator {
  return applyDecorators(
    InForm(normalText),
    ValidateBy({
      name: 'isVisible',
      validator: {
        validate: (value: unknown) => typeof value !== 'string' || value === '' || isVisible(value),
        defaultMessage: () => '$property must have a visible character',
      },
    }),
    IsExactText(),
  );
}

/**
 * One line of well-formed text, which stays as it is: an id of another program, or a password. No control characters,
 * which break PostgreSQL (NUL) or a log reader.
 */
export function IsExactText(): PropertyDecorator {
  return ValidateBy({
    name: 'isExactText',
    validator: {
      validate: isExactText,
      defaultMessage: () => '$property must be text without control characters',
    },
  });
}

export function isExactText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed() && !CONTROL_CHARACTER.test(value);
}

/** A credential as instances issue it: visible ASCII, which fits into an HTTP header. */
export function IsCredential(): PropertyDecorator {
  return Matches(/^[\x21-\x7e]*$/, { message: '$property must be visible ASCII characters without spaces' });
}
