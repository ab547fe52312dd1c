import { ApiProperty } from '@nestjs/swagger';
import { PLATFORM_TYPES, type PlatformType } from '../../platforms/platform-view.js';

const COUNT = { type: 'integer', minimum: 0, nullable: true } as const;

export class AccountCountsDto {
  @ApiProperty({ ...COUNT, example: 1204, description: 'null if the instance does not report it' })
  followers!: number | null;

  @ApiProperty({ ...COUNT, example: 310 })
  following!: number | null;

  @ApiProperty({ ...COUNT, example: 4711 })
  statuses!: number | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  takenAt!: Date;
}

export class SnapshotOfDayDto extends AccountCountsDto {
  @ApiProperty({ type: String, format: 'date', example: '2026-11-22', description: 'Day, in UTC' })
  date!: string;
}

/** Documents PlatformStats. The cached JSON is sent as is. */
export class PlatformStatsDto {
  @ApiProperty({ type: 'integer', example: 42 })
  platformId!: number;

  @ApiProperty({ example: 'My Mastodon' })
  platformName!: string;

  @ApiProperty({ enum: PLATFORM_TYPES, enumName: 'PlatformType', example: 'mastodon' })
  platformType!: PlatformType;

  @ApiProperty({ type: 'integer', example: 120 })
  totalPosts!: number;

  @ApiProperty({ type: 'integer', example: 480 })
  totalImages!: number;

  @ApiProperty({ type: 'integer', example: 12 })
  processingRuns!: number;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { published: 600, failed: 12 },
    description: 'Activities of all kinds, counted by status',
  })
  byStatus!: Record<string, number>;

  @ApiProperty({
    type: AccountCountsDto,
    nullable: true,
    description: 'Latest figures that the instance reported for the account; null before the first check',
  })
  account!: AccountCountsDto | null;

  @ApiProperty({ format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  computedAt!: string;
}
