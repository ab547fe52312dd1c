import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiQuery } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { IsCursor } from '../../http/page-cursor.js';
import { WholeNumber } from '../../http/query.pipe.js';
import { deliveryPlaceOf } from '../webhook-deliveries.service.js';
import { TEST_TYPE, WEBHOOK_EVENTS, type WebhookMessage } from '../webhook-events.js';

export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed'] as const;
const MAX_LIMIT = 200;
const LIMIT = 50;
const TIME = {
  type: String,
  format: 'date-time',
  nullable: true,
  example: '2026-11-22T12:00:00.000Z',
} as const;

export class DeliveriesQuery {
  @IsOptional()
  @IsIn(DELIVERY_STATUSES)
  status?: (typeof DELIVERY_STATUSES)[number];

  @WholeNumber(MAX_LIMIT)
  limit: number = LIMIT;

  @IsOptional()
  @IsCursor(deliveryPlaceOf)
  cursor?: string;
}

/** Documents DeliveriesQuery. */
export function ApiDeliveriesQuery(): MethodDecorator {
  const one = { required: false } as const;
  return applyDecorators(
    ApiQuery({ ...one, name: 'status', enum: DELIVERY_STATUSES, enumName: 'DeliveryStatus' }),
    ApiQuery({
      ...one,
      name: 'limit',
      schema: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: LIMIT },
    }),
    ApiQuery({ ...one, name: 'cursor', description: 'From the `Link` header', schema: { type: 'string' } }),
  );
}

export class DeliveryDto {
  @ApiProperty({ type: 'integer', example: 1207 })
  id!: number;

  @ApiProperty({
    example: 'evt_8812_broken',
    description: 'The `webhook-id`. The same when the event is sent again',
  })
  messageId!: string;

  @ApiProperty({ type: 'integer', nullable: true, example: 8812, description: 'Null for a test' })
  eventId!: number | null;

  @ApiProperty({ enum: [...WEBHOOK_EVENTS, TEST_TYPE], enumName: 'DeliveryType', example: 'platform.broken' })
  type!: WebhookMessage['type'];

  @ApiProperty({ type: 'integer', nullable: true, example: 42, description: 'Null for a test' })
  platformId!: number | null;

  @ApiProperty({
    enum: DELIVERY_STATUSES,
    enumName: 'DeliveryStatus',
    example: 'delivered',
    description:
      '`failed`: not accepted for 24 hours, while the webhook accepted others. It is not tried again',
  })
  status!: (typeof DELIVERY_STATUSES)[number];

  @ApiProperty({ type: 'integer', example: 1 })
  attempts!: number;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  createdAt!: Date;

  @ApiProperty(TIME)
  lastAttemptAt!: Date | null;

  @ApiProperty({ ...TIME, example: null, description: 'Of one that was not accepted and is tried again' })
  nextAttemptAt!: Date | null;

  @ApiProperty({ type: 'integer', nullable: true, example: 204 })
  responseStatus!: number | null;

  @ApiProperty({
    type: String,
    nullable: true,
    example: 'thanks',
    description: 'The first kilobyte of the last answer. A text of the receiver: show it as text only',
  })
  responseBody!: string | null;

  @ApiProperty({ type: String, nullable: true, example: null, description: 'Why there was no answer' })
  error!: string | null;
}

export class ReplayDto {
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    example: 8800,
    description: 'The number of the first event that is sent again; events are kept for 24 hours',
  })
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  fromEventId!: number;
}

export class ReplayedDto {
  @ApiProperty({ type: 'integer', example: 12, description: 'Messages that will be sent' })
  queued!: number;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: null,
    description: 'Where to go on: one request looks at 500 events. Null if that was all',
  })
  nextEventId!: number | null;
}
