import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength, ValidateIf } from 'class-validator';

const MAX = 40;

/** As people type it. One of another form is simply wrong. */
export function SecondFactorCode(description: string): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ minLength: 1, maxLength: MAX, example: '123456', description, writeOnly: true }),
    ValidateIf((_, value) => value !== undefined),
    IsString(),
    MinLength(1),
    MaxLength(MAX),
  );
}
