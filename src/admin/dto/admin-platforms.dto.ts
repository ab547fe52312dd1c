import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiQuery } from '@nestjs/swagger';
import { IsIn, IsOptional, Matches, ValidateBy } from 'class-validator';
import { MAX_ID } from '../../http/id.pipe.js';
import { Length } from '../../http/length.decorator.js';
import { IsCursor } from '../../http/page-cursor.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';
import { WholeNumber } from '../../http/query.pipe.js';
import { LABEL_QUERY } from '../../platforms/dto/platform-list-query.js';
import { PlatformDto } from '../../platforms/dto/platform.dto.js';
import { IsLabelFilter } from '../../platforms/labels.js';
import { MAX_LIMIT } from '../../platforms/platform-list.js';
import {
  MAX_PAGE,
  MAX_PAGE_SIZE,
  MAX_TOTAL,
  SEARCH_SORTS,
  type SearchSort,
  searchPlaceOf,
} from '../../platforms/platform-search.js';
import {
  PLATFORM_STATUSES,
  PLATFORM_TYPES,
  type PlatformStatus,
  type PlatformType,
} from '../../platforms/platform-view.js';

/** The trigram index needs three characters in a row. With fewer, a search would read every row. */
const SEARCHABLE = /[\p{L}\p{N}]{3}/u;

export class AdminPlatformsQuery {
  @IsOptional()
  @IsPlainText()
  @Length(3, 100)
  @Matches(SEARCHABLE, { message: 'search must have three letters or digits in a row' })
  search?: string;

  @InsteadOf('search')
  @IsOptional()
  @IsPlainText()
  @Length(3, 100)
  @Matches(SEARCHABLE, { message: 'q must have three letters or digits in a row' })
  q?: string;

  @IsOptional()
  @IsIn(PLATFORM_TYPES)
  platformType?: PlatformType;

  @IsOptional()
  @IsIn(PLATFORM_STATUSES)
  status?: PlatformStatus;

  @IsOptional()
  @IsLabelFilter()
  label?: readonly string[];

  @IsOptional()
  @WholeNumber(MAX_ID)
  userId?: number;

  @IsOptional()
  @WholeNumber(MAX_PAGE)
  page?: number;

  @IsOptional()
  @WholeNumber(MAX_PAGE_SIZE)
  pageSize?: number;

  @IsOptional()
  @IsIn(SEARCH_SORTS)
  sort?: SearchSort;

  @InsteadOf('pageSize')
  @IsOptional()
  @WholeNumber(MAX_LIMIT)
  limit?: number;

  @InsteadOf('page')
  @IsOptional()
  @IsCursor(searchPlaceOf)
  cursor?: string;
}

/** Two names of one thing: if both are given, one would be ignored. */
function InsteadOf(other: keyof AdminPlatformsQuery): PropertyDecorator {
  return ValidateBy({
    name: 'insteadOf',
    validator: {
      validate: (value: unknown, found) =>
        value === undefined || (found?.object as AdminPlatformsQuery | undefined)?.[other] === undefined,
      defaultMessage: () => `$property and ${other} exclude each other`,
    },
  });
}

const whole = (maximum: number) => ({ type: 'integer', minimum: 1, maximum }) as const;

/** Documents AdminPlatformsQuery. */
export function ApiAdminPlatformsQuery(): MethodDecorator {
  const search =
    'Part of the name, instance URL or username, case-insensitive, with at least three letters or digits in a row. ' +
    '`%` and `_` have no special meaning';
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
        'Status after the last check. A broken seal is detected only when a row is read: then the items show it, but the ' +
        'filter does not find it',
    }),
    ApiQuery({ name: 'q', required: false, description: 'The same as `search`', schema: { type: 'string' } }),
    ApiQuery({ name: 'userId', required: false, schema: whole(MAX_ID) }),
    ApiQuery({ name: 'page', required: false, schema: { ...whole(MAX_PAGE), default: 1 } }),
    ApiQuery({ name: 'pageSize', required: false, schema: { ...whole(MAX_PAGE_SIZE), default: 20 } }),
    ApiQuery(LABEL_QUERY),
    ApiQuery({
      name: 'sort',
      required: false,
      schema: { type: 'string', enum: [...SEARCH_SORTS], default: 'id' },
    }),
    ApiQuery({
      name: 'limit',
      required: false,
      description: 'Instead of `pageSize`',
      schema: { ...whole(MAX_LIMIT), default: 20 },
    }),
    ApiQuery({
      name: 'cursor',
      required: false,
      description:
        'Instead of `page`, and without its limit: from the `Link` header with `rel="next"` of the previous page. `page` of ' +
        'the answer is 1 then',
      schema: { type: 'string' },
    }),
  );
}

export class AdminPlatformsPageDto {
  @ApiProperty({
    type: PlatformDto,
    isArray: true,
    description: 'Ordered by id unless `sort` says otherwise, including inactive ones',
  })
  items!: PlatformDto[];

  @ApiProperty({ type: 'integer', example: 1 })
  page!: number;

  @ApiProperty({ type: 'integer', example: 20 })
  pageSize!: number;

  @ApiProperty({
    type: 'integer',
    maximum: MAX_TOTAL,
    example: 1,
    description: 'Number of matches on all pages',
  })
  total!: number;

  @ApiProperty({
    example: true,
    description: 'False if there are more than `total` matches: narrow the search',
  })
  totalIsExact!: boolean;
}
