import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiQuery, getSchemaPath } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { WholeNumber } from '../../http/query.pipe.js';
import { AUDIT_ACTIONS, type AuditAction } from '../audit-actions.js';
import { AuditEntryDto, AuditPageDto } from './audit.dto.js';

export const NDJSON = 'application/x-ndjson';

const MAX_PAGE_SIZE = 100;
const PAGE_SIZE = 50;

export class AuditQuery {
  @IsOptional()
  @IsIn(AUDIT_ACTIONS)
  action?: AuditAction;

  @IsOptional()
  @WholeNumber(Number.MAX_SAFE_INTEGER)
  before?: number;

  @IsOptional()
  @WholeNumber(Number.MAX_SAFE_INTEGER, 0)
  after?: number;

  @WholeNumber(MAX_PAGE_SIZE)
  pageSize: number = PAGE_SIZE;
}

/** Documents AuditQuery, and the answer as a page or as lines. */
export function ApiAuditPages(): MethodDecorator {
  return applyDecorators(
    ApiQuery({ name: 'action', required: false, enum: AUDIT_ACTIONS, enumName: 'AuditAction' }),
    ApiQuery({
      name: 'before',
      required: false,
      schema: { type: 'integer', minimum: 1 },
      description: '`nextBefore` of the previous page',
    }),
    ApiQuery({
      name: 'after',
      required: false,
      schema: { type: 'integer', minimum: 0 },
      description: 'Id of an entry: what follows it, oldest first',
    }),
    ApiQuery({
      name: 'pageSize',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: MAX_PAGE_SIZE, default: PAGE_SIZE },
    }),
    ApiExtraModels(AuditPageDto, AuditEntryDto),
    ApiOkResponse({
      description: `A page. With \`Accept: ${NDJSON}\` all entries after \`after\`, oldest first, one a line`,
      content: {
        'application/json': { schema: { $ref: getSchemaPath(AuditPageDto) } },
        [NDJSON]: { schema: { $ref: getSchemaPath(AuditEntryDto) } },
      },
    }),
  );
}
