import { type PipeTransform, type Type, ValidationPipe } from '@nestjs/common';
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
    exceptionFactory: (errors) =>
      new InvalidField(
        fieldProblems(errors).map(({ pointer, detail }) => ({
          pointer: pointer.replace(/^\//, '#'),
          detail: detail === UNKNOWN_FIELD ? UNKNOWN_PARAMETER : detail,
        })),
      ),
  });
}
