import { Controller, Get, Header, Headers, Query, type StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { queryPipe } from '../http/query.pipe.js';
import { answerOf } from './audit-answer.js';
import { type AuditPage, AuditTrail } from './audit-trail.js';
import { ApiAuditPages, AuditQuery } from './dto/audit-query.dto.js';

@ApiTags('audit')
@Controller('v1/audit')
export class AuditController {
  constructor(private readonly trail: AuditTrail) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  @Authenticated()
  @ApiOperation({
    summary: 'What was done with your account: by you, your API keys, an operator or the application',
    description: 'API keys cannot read it: it contains reasons and addresses.',
  })
  @ApiAuditPages()
  @ApiProblems([400, 503])
  async read(
    @CurrentUser() user: AuthUser,
    @Query(queryPipe(AuditQuery)) query: Readonly<AuditQuery>,
    @Headers('accept') accept: string | undefined,
  ): Promise<AuditPage | StreamableFile> {
    return answerOf(this.trail, { userId: user.id }, query, accept);
  }
}
