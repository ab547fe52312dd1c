import { type ArgumentMetadata, type Type, ValidationPipe, type ValidationError } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { InvalidField, UNKNOWN_FIELD, type FieldProblem } from '../common/domain-error.js';

const UNKNOWN = 'whitelistValidation';

/** Unknown fields are errors: a misspelt one would otherwise be ignored silently. */
export const VALIDATION_OPTIONS = {
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  stopAtFirstError: true,
  // Values may be secrets: fieldProblems() only looks whether there is one.
  validationError: { target: false, value: true },
} as const;

/**
 * Nest's pipe would accept `null`, or no body, as `{}`, and an array item by item. It would also convert every
 * `id: number` and `refresh: boolean` before the parameter's own pipe sees the text: `0x10` would be an id, and
 * BooleanQueryPipe would refuse `true`.
 */
class BodyValidationPipe extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    // An array is for BatchPipe.
    if (metadata.type === 'body' && metadata.metatype !== Array) assertObject(value);
    return super.transform(value, metadata);
  }

  protected override transformPrimitive(value: unknown): unknown {
    return value;
  }
}

export function validationPipe(): ValidationPipe {
  return new BodyValidationPipe({
    ...VALIDATION_OPTIONS,
    transform: true,
    exceptionFactory: (errors) => new InvalidField(fieldProblems(errors)),
  });
}

/** What the pipe makes of a body, without a promise, for the fast lane. @throws {InvalidField} */
export function parseBody(type: Type<object>, body: unknown): object {
  assertObject(body);
  const parsed = plainToInstance(type, body);
  const errors = validateSync(parsed, VALIDATION_OPTIONS);
  if (errors.length > 0) throw new InvalidField(fieldProblems(errors));
  return parsed;
}

function assertObject(body: unknown): asserts body is object {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new InvalidField([{ pointer: '', detail: 'must be a JSON object' }]);
}

/** One problem per failed constraint, with an RFC 6901 pointer to the field. A missing field is only that. */
export function fieldProblems(errors: readonly ValidationError[], parent = ''): FieldProblem[] {
  return errors.flatMap((error) => {
    const pointer = `${parent}/${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const { constraints = {} } = error;
    if (UNKNOWN in constraints) return [{ pointer, detail: UNKNOWN_FIELD }];
    if (error.value === undefined) return [{ pointer, detail: `${error.property} is required` }];
    const own = Object.values(constraints).map((detail) => ({ pointer, detail }));
    return [...own, ...fieldProblems(error.children ?? [], pointer)];
  });
}
