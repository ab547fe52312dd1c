import { Body, Controller, Get, Header, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags, OmitType } from '@nestjs/swagger';
import { AUDIT_ACTIONS } from '../audit/audit-actions.js';
import { type AuditPage, AuditTrail } from '../audit/audit-trail.js';
import { AuditQuery } from '../audit/dto/audit-query.dto.js';
import { AuditPageDto } from '../audit/dto/audit.dto.js';
import { CachedReply } from '../cache/cached-reply.js';
import { DomainError } from '../common/domain-error.js';
import { CACHED_HEADERS } from '../http/api-headers.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { RecentSignIn } from '../http/auth/recent-sign-in.js';
import { FastLane } from '../http/fast-lane.decorator.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { queryPipe } from '../http/query.pipe.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { RunsAgain } from '../idempotency/runs-again.decorator.js';
import { NeedsReconnect, PlatformNotFound } from '../platforms/platforms.errors.js';
import { PlatformsService } from '../platforms/platforms.service.js';
import { CredentialsDto, RevealDto } from './dto/reveal.dto.js';
import { RevealService } from './reveal.service.js';

/** A page of it is newest first. */
class PlatformAuditQuery extends OmitType(AuditQuery, ['after']) {}

const NO_STORE = ['Cache-Control', 'no-store'] as const;

@ApiTags('credentials')
@Controller('v1/platforms')
export class CredentialsController {
  constructor(
    private readonly reveals: RevealService,
    private readonly trail: AuditTrail,
    private readonly platforms: PlatformsService,
  ) {}

  @Post(':id/credentials')
  @FastLane()
  @RunsAgain()
  @RateLimit('reveal')
  @HttpCode(200)
  @ApiIdParam()
  @Authenticated('credentials:read')
  @RecentSignIn()
  @ApiOperation({
    summary: 'Reveal the decrypted credentials of an active platform connection',
    description:
      'Every call for one of your connections, even a refused one, is written to the audit trail before the response is ' +
      'sent. If that write fails, nothing is revealed. Credentials with a broken seal, or that no key decrypts, are ' +
      'refused with `needs_reconnect`; those of an inactive connection with `platform_inactive`. A repetition with the ' +
      'same `Idempotency-Key` is another call. A person needs a recent sign-in: see `POST /v1/auth/confirm`.',
  })
  @ApiOkResponse({
    type: CredentialsDto,
    headers: {
      ...CACHED_HEADERS,
      'Cache-Control': { schema: { type: 'string', example: 'no-store' } },
    },
  })
  @ApiProblems([400, 404, 409, 413, 415, 429, 503], new NeedsReconnect())
  async reveal(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) platformId: number,
    @Body() { reason }: RevealDto,
  ): Promise<CachedReply> {
    const { read, result } = await this.reveals.reveal({ user, platformId, reason });
    return new CachedReply(
      read,
      result instanceof DomainError ? result : JSON.stringify(result),
      null,
      'no-store',
    );
  }

  @Get(':id/audit')
  @Header(...NO_STORE)
  @ApiIdParam()
  @Authenticated()
  @ApiOperation({
    summary: 'Audit trail of your platform connection, newest first',
    description:
      'The trail remains after the connection is deleted. API keys cannot read it: it contains reasons and addresses.',
  })
  @ApiQuery({ name: 'action', required: false, enum: AUDIT_ACTIONS, enumName: 'AuditAction' })
  @ApiQuery({
    name: 'pageSize',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: 100, default: 50 },
  })
  @ApiQuery({
    name: 'before',
    required: false,
    schema: { type: 'integer', minimum: 1 },
    description: '`nextBefore` of the previous page',
  })
  @ApiOkResponse({ type: AuditPageDto })
  @ApiProblems([400, 404, 503])
  async audit(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) platformId: number,
    @Query(queryPipe(PlatformAuditQuery)) query: Readonly<PlatformAuditQuery>,
  ): Promise<AuditPage> {
    const { action, before = null, pageSize: size } = query;
    const own = { userId: user.id, platformId };
    const page = await this.trail.page({ ...own, action }, { before, size });
    if (page.entries.length > 0) return page;
    // An empty page has several causes: the page is past the end, nothing of the kind was done, the connection has no trail yet, or it is not the user's own.
    const { value: platform } = await this.platforms.find(platformId);
    const owned = platform?.view.userId === user.id;
    if (owned || ((before !== null || action !== undefined) && (await this.trail.has(own)))) return page;
    throw new PlatformNotFound();
  }
}
