import { ApiProperty } from '@nestjs/swagger';
import { IsIn, NotEquals } from 'class-validator';
import { Length } from '../../http/length.decorator.js';
import { IsExactText } from '../../http/plain-text.decorator.js';
import { IsTime } from '../../http/time.decorator.js';
import { ACTIVITY_KINDS, type ActivityKind } from '../activity.entity.js';

export class ActivityDto {
  @ApiProperty({ enum: ACTIVITY_KINDS, enumName: 'ActivityKind', example: 'post' })
  @IsIn(ACTIVITY_KINDS)
  kind!: ActivityKind;

  @ApiProperty({
    minLength: 1,
    maxLength: 200,
    example: '113501234567890123',
    description: 'Your own id for the activity',
  })
  @IsExactText()
  @Length(1, 200, { message: 'externalId must have 1 to 200 characters' })
  externalId!: string;

  @ApiProperty({ minLength: 1, maxLength: 50, example: 'published' })
  @IsExactText()
  @Length(1, 50, { message: 'status must have 1 to 50 characters' })
  @NotEquals('__proto__', { message: 'status must be another word' })
  status!: string;

  @ApiProperty({ format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  @IsTime()
  occurredAt!: string;
}

export class ActivityOfDayDto {
  @ApiProperty({ type: String, format: 'date', example: '2026-11-22', description: 'Day, in UTC' })
  date!: string;

  @ApiProperty({ type: 'integer', minimum: 0, example: 4 })
  posts!: number;

  @ApiProperty({ type: 'integer', minimum: 0, example: 16 })
  images!: number;

  @ApiProperty({ type: 'integer', minimum: 0, example: 1 })
  processingRuns!: number;
}

export class RecordedActivitiesDto {
  @ApiProperty({ type: 'integer', example: 2 })
  received!: number;

  @ApiProperty({ type: 'integer', example: 1 })
  created!: number;

  @ApiProperty({
    type: 'integer',
    example: 0,
    description: 'Already stored, now with a different status or time',
  })
  updated!: number;

  @ApiProperty({ type: 'integer', example: 1, description: 'Already stored, or repeated within the batch' })
  unchanged!: number;
}
