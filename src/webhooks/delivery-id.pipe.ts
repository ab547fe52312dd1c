import { Injectable, type PipeTransform } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import { InvalidField } from '../common/domain-error.js';

const MAX = Number.MAX_SAFE_INTEGER;

/** Documents the path parameter `deliveryId`. */
export function ApiDeliveryIdParam(): MethodDecorator {
  return ApiParam({
    name: 'deliveryId',
    schema: { type: 'integer', minimum: 1, maximum: MAX, example: 1207 },
  });
}

/** Deliveries are more than fit into the `integer` of other ids. */
@Injectable()
export class DeliveryIdPipe implements PipeTransform<string, number> {
  transform(text: string): number {
    const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
    if (id <= MAX) return id;
    const detail = `deliveryId must be a whole number between 1 and ${MAX}`;
    throw new InvalidField([{ pointer: '#deliveryId', detail }]);
  }
}
