import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsEmail, MaxLength } from 'class-validator';
import { normalEmail } from '../common/normal-text.js';
import { InForm } from './plain-text.decorator.js';

/** In normal form, so that everything that goes by the address takes all ways to write it as one. */
export function EmailField(own: { required?: boolean; description?: string } = {}): PropertyDecorator {
  return applyDecorators(
    ApiProperty({ format: 'email', maxLength: 320, example: 'ada@example.org', ...own }),
    InForm(normalEmail),
    IsEmail({}, { message: '$property must be an e-mail address, such as ada@example.org' }),
    MaxLength(320),
  );
}
