import { type PipeTransform, type Type, ValidationPipe, applyDecorators } from '@nestjs/common';
import { Transform, plainToInstance } from 'class-transformer';
import { IsBoolean, IsInt, Max, Min, type ValidationError, validateSync } from 'class-validator';
import { InvalidField, UNKNOWN_FIELD, UNKNOWN_PARAMETER } from '../common/domain-error.js';
import { VALIDATION_OPTIONS, fieldProblems } from './validation.js';

/**
 * All query parameters of a route as an instance of `type`. Faults point to `#name`, because the parameters are not in the
 * body. Declare the handler's parameter as `Readonly<type>`, or the global pipe validates it as a body.
 */
export function queryPipe(type: Type<object>): PipeTransform {
  return new ValidationPipe({
    ...VALIDATION_OPTIONS,
    transform: true,
    expectedType: type,
    exceptionFactory: invalidQuery,
  });
}

/** The same without a promise, for the fast lane. @throws {InvalidField} */
export function parseQuery<T extends object>(type: Type<T>, query: object): T {
  const parsed = plainToInstance(type, query);
  const errors = validateSync(parsed, VALIDATION_OPTIONS);
  if (errors.length > 0) throw invalidQuery(errors);
  return parsed;
}

/** A number in decimal digits, from `minimum` to `maximum`. */
export function WholeNumber(maximum: number, minimum = 1): PropertyDecorator {
  return applyDecorators(
    // Leaves anything else as it is, for the validators to reject.
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value,
    ),
    IsInt(),
    Min(minimum),
    Max(maximum),
  );
}

/** `true` or `false`. */
export function YesOrNo(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      value === 'true' || value === 'false' ? value === 'true' : value,
    ),
    IsBoolean({ message: '$property must be true or false' }),
  );
}

function invalidQuery(errors: readonly ValidationError[]): InvalidField {
  return new InvalidField(
    fieldProblems(errors).map(({ pointer, detail }) => ({
      pointer: pointer.replace(/^\//, '#'),
      detail: detail === UNKNOWN_FIELD ? UNKNOWN_PARAMETER : detail,
    })),
  );
}
