import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { InvalidField } from '../common/domain-error.js';

/** Documents a query parameter that BooleanQueryPipe reads. */
export function ApiBooleanQuery(name: string, description?: string): MethodDecorator {
  return ApiQuery({ name, required: false, schema: { type: 'boolean', default: false }, description });
}

/** An optional query parameter that is `true` or `false`; absent is false. */
@Injectable()
export class BooleanQueryPipe implements PipeTransform<unknown, boolean> {
  transform(text: unknown, { data }: ArgumentMetadata): boolean {
    if (text === undefined || text === 'false') return false;
    if (text === 'true') return true;
    throw new InvalidField([
      { pointer: `#${data ?? 'query'}`, detail: `${data ?? 'query'} must be true or false` },
    ]);
  }
}
