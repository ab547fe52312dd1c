import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import { InvalidField } from '../common/domain-error.js';

/** The largest id: a PostgreSQL `integer`. */
export const MAX_ID = 2_147_483_647;

/** Documents the path parameter `id`. */
export function ApiIdParam(): MethodDecorator {
  return ApiParam({ name: 'id', schema: { type: 'integer', minimum: 1, maximum: MAX_ID, example: 42 } });
}

/** A whole number that a PostgreSQL `integer` can hold; null for any other text. */
export function parseId(text: string): number | null {
  const id = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : Number.NaN;
  return id <= MAX_ID ? id : null;
}

/** A path parameter that is an id. */
@Injectable()
export class IdPipe implements PipeTransform<string, number> {
  transform(text: string, { data }: ArgumentMetadata): number {
    const id = parseId(text);
    if (id === null) {
      const name = data ?? 'id';
      throw new InvalidField([
        { pointer: `#${name}`, detail: `${name} must be a whole number between 1 and ${MAX_ID}` },
      ]);
    }
    return id;
  }
}
