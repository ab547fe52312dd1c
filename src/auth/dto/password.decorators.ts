import { applyDecorators } from '@nestjs/common';
import { ValidateBy } from 'class-validator';
import { opaqueString } from '../../common/normal-text.js';
import { hasLength, Length } from '../../http/length.decorator.js';
import { InForm, IsExactText } from '../../http/plain-text.decorator.js';

const MAX = 128;

/** A password to be stored. Its length is that of the form that is hashed. */
export function IsNewPassword(): PropertyDecorator {
  return applyDecorators(InForm(opaqueString), IsExactText(), Length(12, MAX));
}

/**
 * A password to be compared, as it was typed. No minimum length: one that is too short for any account is simply wrong. The
 * same for control characters, which were allowed once.
 */
export function IsTypedPassword(): PropertyDecorator {
  return ValidateBy({
    name: 'isTypedPassword',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && hasLength(opaqueString(value), 1, MAX),
      defaultMessage: () => `$property must have 1 to ${MAX} characters`,
    },
  });
}
