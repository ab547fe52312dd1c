import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';
import { opaqueString } from '../../common/normal-text.js';
import { hasLength, Length } from '../../http/length.decorator.js';
import { InForm, IsExactText } from '../../http/plain-text.decorator.js';

const MIN = 12;
const MAX = 128;

/** A password to be stored. Its length is that of the form that is hashed. */
export function NewPasswordField(description: string): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      ...{ format: 'password', minLength: MIN, maxLength: MAX, example: '<12 to 128 characters>' },
      description,
      writeOnly: true,
    }),
    InForm(opaqueString),
    IsExactText(),
    Length(MIN, MAX),
  );
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
