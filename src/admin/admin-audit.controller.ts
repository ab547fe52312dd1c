import { Controller, Get, Header, Headers, Query, type StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { answerOf } from '../audit/audit-answer.js';
import { type AuditPage, AuditTrail } from '../audit/audit-trail.js';
import { ApiAuditPages, AuditQuery } from '../audit/dto/audit-query.dto.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { queryPipe } from '../http/query.pipe.js';

@ApiTags('admin')
@Controller('v1/admin/audit')
export class AdminAuditController {
  constructor(private readonly trail: AuditTrail) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  @Authenticated('admin')
  @ApiOperation({
    summary: 'The whole audit trail',
    description:
      'Reading it is recorded too. An export resumes with the id of its last entry as `after`. `npm run cli -- audit:verify` ' +
      'tells whether the trail is complete and unchanged.',
  })
  @ApiAuditPages()
  @ApiProblems([400, 503])
  async read(
    @Query(queryPipe(AuditQuery)) query: Readonly<AuditQuery>,
    @Headers('accept') accept: string | undefined,
  ): Promise<AuditPage | StreamableFile> {
    return answerOf(this.trail, {}, query, accept);
  }
}
