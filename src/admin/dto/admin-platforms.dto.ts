import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiQuery } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';
import { PlatformDto } from '../../platforms/dto/platform.dto.js';
import { MAX_ID, MAX_PAGE, MAX_PAGE_SIZE, MAX_TOTAL } from '../../platforms/platform-search.js';
import {
  PLATFORM_STATUSES,
  PLATFORM_TYPES,
  type PlatformStatus,
  type PlatformType,
} from '../../platforms/platform-view.js';

/** The index for searches finds three characters at the least. Without them every row would have to be read. */
const SEARCHABLE = /[\p{L}\p{N}]{3}/u;

/** Decimal digits only; anything else is left for the validator to refuse. */
function WholeNumber(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value,
  );
}

export class AdminPlatformsQuery {
  @IsOptional()
  @IsPlainText()
  @Length(3, 100)
  @Matches(SEARCHABLE, { message: 'search must have three letters or digits in a row' })
  search?: string;

  @IsOptional()
  @IsIn(PLATFORM_TYPES)
  platformType?: PlatformType;

  @IsOptional()
  @IsIn(PLATFORM_STATUSES)
  status?: PlatformStatus;

  @IsOptional()
  @WholeNumber()
  @IsInt()
  @Min(1)
  @Max(MAX_ID)
  userId?: number;

  @WholeNumber()
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  page: number = 1;

  @WholeNumber()
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE_SIZE)
  pageSize: number = 20;
}

const whole = (maximum: number) => ({ type: 'integer', minimum: 1, maximum }) as const;

/** Documents AdminPlatformsQuery. */
export function ApiAdminPlatformsQuery(): MethodDecorator {
  const search =
    'Part of the name, instance URL or username, in any case, with three letters or digits in a row at the least; ' +
    '`%` and `_` are ordinary characters';
  return applyDecorators(
    ApiQuery({
      name: 'search',
      required: false,
      description: search,
      schema: { type: 'string', minLength: 3, maxLength: 100, example: 'mastodon.social' },
    }),
    ApiQuery({ name: 'platformType', required: false, enum: PLATFORM_TYPES, enumName: 'PlatformType' }),
    ApiQuery({
      name: 'status',
      required: false,
      enum: PLATFORM_STATUSES,
      enumName: 'PlatformStatus',
      description:
        'As the last check left it. A broken seal is found when a row is read, and shown in the items',
    }),
    ApiQuery({ name: 'userId', required: false, schema: whole(MAX_ID) }),
    ApiQuery({ name: 'page', required: false, schema: { ...whole(MAX_PAGE), default: 1 } }),
    ApiQuery({ name: 'pageSize', required: false, schema: { ...whole(MAX_PAGE_SIZE), default: 20 } }),
  );
}

export class AdminPlatformsPageDto {
  @ApiProperty({ type: PlatformDto, isArray: true, description: 'By id, inactive ones too' })
  items!: PlatformDto[];

  @ApiProperty({ type: 'integer', example: 1 })
  page!: number;

  @ApiProperty({ type: 'integer', example: 20 })
  pageSize!: number;

  @ApiProperty({
    type: 'integer',
    maximum: MAX_TOTAL,
    example: 1,
    description: 'Of all pages',
  })
  total!: number;

  @ApiProperty({ example: true, description: 'False when there are more than `total`: narrow the search' })
  totalIsExact!: boolean;
}
