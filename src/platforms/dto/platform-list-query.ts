import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { KnowsQuery } from '../../http/known-query.guard.js';
import { Length } from '../../http/length.decorator.js';
import { IsCursor } from '../../http/page-cursor.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';
import { WholeNumber, parseQuery } from '../../http/query.pipe.js';
import { IsLabelFilter, MAX_LABELS } from '../labels.js';
import {
  MAX_LIMIT,
  PLATFORM_SORTS,
  type PlatformListQuery,
  type PlatformSort,
  placeOf,
} from '../platform-list.js';
import {
  PLATFORM_STATUSES,
  PLATFORM_TYPES,
  type PlatformStatus,
  type PlatformType,
} from '../platform-view.js';

class ListQueryDto implements PlatformListQuery {
  @IsOptional()
  @IsIn(PLATFORM_STATUSES)
  status?: PlatformStatus;

  @IsOptional()
  @IsIn(PLATFORM_TYPES)
  platformType?: PlatformType;

  @IsOptional()
  @IsLabelFilter()
  label?: readonly string[];

  @IsOptional()
  @IsPlainText()
  @Length(1, 200)
  externalId?: string;

  @IsOptional()
  @IsPlainText()
  @Length(1, 100)
  q?: string;

  @IsOptional()
  @IsIn(PLATFORM_SORTS)
  sort?: PlatformSort;

  @IsOptional()
  @WholeNumber(MAX_LIMIT)
  limit?: number;

  @IsOptional()
  @IsCursor(placeOf)
  cursor?: string;
}

const NAMES = ['status', 'platformType', 'label', 'externalId', 'q', 'sort', 'limit', 'cursor'] as const;

/** Documents `@IsLabelFilter()`. */
export const LABEL_QUERY = {
  name: 'label',
  required: false,
  description: '`key=value`, or `key` for any value; repeated, all of them have to match',
  schema: { type: 'array', maxItems: MAX_LABELS, items: { type: 'string' }, example: ['customer=acme'] },
} as const;

/** Null without any of them: that is the whole list. Most requests have no query, and must not pay for those that do. */
export const ListQuery = createParamDecorator(
  (_data: unknown, context: ExecutionContext): PlatformListQuery | null => {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (request.raw.url?.includes('?') !== true) return null;
    const query = request.query as Readonly<Record<string, unknown>>;
    const given = NAMES.filter((name) => query[name] !== undefined);
    if (given.length === 0) return null;
    return parseQuery(ListQueryDto, Object.fromEntries(given.map((name) => [name, query[name]])));
  },
);

/** Documents and admits what `@ListQuery()` reads. */
export function ApiListQuery(): MethodDecorator {
  const one = { required: false } as const;
  return applyDecorators(
    KnowsQuery(NAMES),
    ApiQuery({ ...one, name: 'status', enum: PLATFORM_STATUSES, enumName: 'PlatformStatus' }),
    ApiQuery({ ...one, name: 'platformType', enum: PLATFORM_TYPES, enumName: 'PlatformType' }),
    ApiQuery(LABEL_QUERY),
    ApiQuery({
      ...one,
      name: 'externalId',
      schema: { type: 'string', minLength: 1, maxLength: 200 },
    }),
    ApiQuery({
      ...one,
      name: 'q',
      description: 'Part of the name, instance URL or username, case-insensitive',
      schema: { type: 'string', minLength: 1, maxLength: 100 },
    }),
    ApiQuery({
      ...one,
      name: 'sort',
      description: '`-` for descending. Without it the default comes first, then by name',
      schema: { type: 'string', enum: [...PLATFORM_SORTS] },
    }),
    ApiQuery({
      ...one,
      name: 'limit',
      description: 'Connections on a page. Without it all that match',
      schema: { type: 'integer', minimum: 1, maximum: MAX_LIMIT },
    }),
    ApiQuery({
      ...one,
      name: 'cursor',
      description: 'From the `Link` header with `rel="next"` of the previous page',
      schema: { type: 'string' },
    }),
  );
}
