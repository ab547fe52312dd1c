import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Res,
} from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CacheRead } from '../cache/cache-read.js';
import { CachedReply, replyOfText } from '../cache/cached-reply.js';
import { AppConfig } from '../config/app-config.js';
import {
  ApiIfNoneMatch,
  CACHED_HEADERS,
  DEFAULT_ETAG_HEADER,
  ETAG_HEADER,
  LINK_HEADER,
  LIST_ETAG_HEADER,
} from '../http/api-headers.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { NarrowedToPolicy } from '../http/auth/platform-reach.js';
import { ApiBooleanQuery, BooleanQueryPipe } from '../http/boolean-query.pipe.js';
import { FastLane } from '../http/fast-lane.decorator.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { nextLink } from '../http/page-cursor.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { KeyedRequests } from '../idempotency/keyed-requests.js';
import { PlatformChecks } from './checks/platform-checks.js';
import { DisconnectService } from './disconnect.service.js';
import { ApiListQuery, ListQuery } from './dto/platform-list-query.js';
import { PlatformDto } from './dto/platform.dto.js';
import { CreatePlatformDto, UpdatePlatformDto } from './dto/write-platform.dto.js';
import { permittedPlatforms } from './permitted-platforms.js';
import type { CachedPlatform } from './platform-cache.js';
import { type PlatformListQuery, partOf } from './platform-list.js';
import { type PlatformView, etagOf } from './platform-view.js';
import { PlatformWriter } from './platform-writer.js';
import type { PlatformConnection } from './platform.entity.js';
import { PlatformRepository } from './platform.repository.js';
import { NoPlatforms, PlatformInactive, PlatformNotFound } from './platforms.errors.js';
import { PlatformsService } from './platforms.service.js';

const TEST_DESCRIPTION =
  'Also test it at its instance; the answer shows the status found. Rate-limited like `POST /v1/platforms/{id}/test`';

@ApiTags('platforms')
@Controller('v1/platforms')
export class PlatformsController {
  constructor(
    private readonly platforms: PlatformsService,
    private readonly writer: PlatformWriter,
    private readonly repository: PlatformRepository,
    private readonly checks: PlatformChecks,
    private readonly disconnect: DisconnectService,
    private readonly keyed: KeyedRequests,
    private readonly config: AppConfig,
  ) {}

  @Get()
  @FastLane()
  @Authenticated('platforms:read')
  @NarrowedToPolicy()
  @ApiOperation({ summary: 'Your active platform connections, the default first, then by name' })
  @ApiBooleanQuery('includeInactive')
  @ApiBooleanQuery('refresh', 'Reload from the database')
  @ApiListQuery()
  @ApiOkResponse({
    type: PlatformDto,
    isArray: true,
    headers: { ...CACHED_HEADERS, ...LIST_ETAG_HEADER, ...LINK_HEADER },
  })
  @ApiIfNoneMatch()
  @ApiResponse({ status: 304, description: 'If-None-Match names the current list' })
  @ApiProblems([400, 503])
  list(
    @CurrentUser() user: AuthUser,
    @Query('includeInactive', BooleanQueryPipe) includeInactive: boolean,
    @Query('refresh', BooleanQueryPipe) refresh: boolean,
    @ListQuery() query: PlatformListQuery | null,
  ): Promise<CachedReply> {
    const reading = includeInactive
      ? this.platforms.listAll(user.id)
      : refresh
        ? this.platforms.reload(user.id)
        : this.platforms.list(user.id);
    const permitted = permittedPlatforms(reading, user);
    if (query === null) return permitted.then((read) => replyOfText(read));
    const path = `${this.config.basePath}/v1/platforms`;
    return permitted.then((read) => {
      const { items, next } = partOf(read.value, query);
      const kept = { ...(includeInactive && { includeInactive }), ...query };
      const link = next === null ? null : nextLink(path, kept, next);
      return replyOfText({ ...read, value: items, raw: JSON.stringify(items) }, link);
    });
  }

  @Get('default')
  @FastLane()
  @Authenticated('platforms:read')
  @NarrowedToPolicy()
  @ApiOperation({ summary: 'Your default platform connection; without one, the first of the list' })
  @ApiOkResponse({ type: PlatformDto, headers: { ...CACHED_HEADERS, ...DEFAULT_ETAG_HEADER } })
  @ApiIfNoneMatch()
  @ApiResponse({ status: 304, description: 'If-None-Match names the current default and its version' })
  @ApiProblems([404, 503], new NoPlatforms())
  default(@CurrentUser() user: AuthUser): Promise<CachedReply> {
    return permittedPlatforms(this.platforms.list(user.id), user).then(replyOfFirst);
  }

  @Get(':id')
  @FastLane()
  @ApiIdParam()
  @Authenticated('platforms:read')
  @ApiOperation({ summary: 'One platform connection' })
  @ApiOkResponse({ type: PlatformDto, headers: { ...CACHED_HEADERS, ...ETAG_HEADER } })
  @ApiIfNoneMatch()
  @ApiResponse({ status: 304, description: 'If-None-Match names the current version' })
  @ApiProblems([400, 404, 503])
  get(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<CachedReply> {
    return this.platforms.find(id).then((read) => replyOfOwn(read, user));
  }

  @Post()
  @RateLimit('instance', 'test')
  @Authenticated('platforms:write')
  @ApiOperation({
    summary: 'Add a platform connection; its credentials are encrypted and not shown again',
    description:
      'A conflict is `duplicate_name`, `duplicate_account` or, if you already have 200, `too_many_platforms`.',
  })
  @ApiBooleanQuery('test', TEST_DESCRIPTION)
  @ApiCreatedResponse({
    type: PlatformDto,
    headers: { ...ETAG_HEADER, Location: { schema: { type: 'string', example: '/v1/platforms/42' } } },
  })
  @ApiProblems([400, 409, 413, 415, 503])
  async create(
    @CurrentUser() user: AuthUser,
    @Body() dto: CreatePlatformDto,
    @Query('test', BooleanQueryPipe) test: boolean,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PlatformView> {
    const headersOf = (view: PlatformView) => ({
      location: `${this.config.basePath}/v1/platforms/${view.id}`,
      etag: etagOf(view),
    });
    const row = await this.writer.create(user.id, dto, {
      beforeCommit: (manager, written) => {
        const view = this.repository.toView(written);
        return this.keyed.keepIn(manager, view, headersOf(view));
      },
    });
    const view = await this.shown(row, test);
    reply.headers(headersOf(view));
    return view;
  }

  @Patch(':id')
  @RateLimit('instance', 'test')
  @ApiIdParam()
  @Authenticated('platforms:write')
  @ApiOperation({
    summary: 'Change a platform connection',
    description:
      'Absent fields stay unchanged. A changed instance or credential sets the status to `unchecked`. Another instance needs ' +
      'an `accessToken` in the same request: no stored credential is carried over to it.',
  })
  @ApiBody({
    type: UpdatePlatformDto,
    examples: {
      rename: { value: { name: 'My other Mastodon' } },
      replaceToken: { value: { accessToken: 'paste-the-new-access-token-here' } },
      move: {
        value: { instanceUrl: 'https://mastodon.online', accessToken: 'paste-the-token-of-the-new-instance' },
      },
      deactivate: { value: { isActive: false } },
      clear: { value: { username: null, clientKey: null, clientSecret: null } },
    },
  })
  @ApiBooleanQuery('test', TEST_DESCRIPTION)
  @ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'Change only this version: an ETag, including its quotes',
  })
  @ApiOkResponse({ type: PlatformDto, headers: ETAG_HEADER })
  @ApiProblems([400, 404, 409, 412, 413, 415, 503])
  async update(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Body() dto: UpdatePlatformDto,
    @Headers('if-match') ifMatch: string | undefined,
    @Query('test', BooleanQueryPipe) test: boolean,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PlatformView> {
    const view = await this.shown(await this.writer.update(user.id, id, dto, ifMatch), test);
    reply.header('ETag', etagOf(view));
    return view;
  }

  @Delete(':id')
  @RateLimit('instance', 'revoke')
  @ApiIdParam()
  @HttpCode(204)
  @Authenticated('platforms:write')
  @ApiOperation({
    summary:
      'Delete a platform connection; if it was the default, the first remaining one becomes the default',
  })
  @ApiBooleanQuery(
    'revoke',
    'Also revoke the token at the instance, where that is safe and possible (`features.revocable` of the look-up); the ' +
      'connection is deleted even if that fails. ' +
      'Rate-limited like `POST /v1/platforms/{id}/test`',
  )
  @ApiNoContentResponse()
  @ApiProblems([400, 404, 413, 415, 503])
  async remove(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Query('revoke', BooleanQueryPipe) revoke: boolean,
  ): Promise<void> {
    if (revoke) await this.disconnect.removeAndRevoke(user.id, id);
    else await this.writer.remove(user.id, id);
  }

  @Put(':id/default')
  @ApiIdParam()
  @Authenticated('platforms:write')
  @ApiOperation({ summary: 'Make a platform connection the default' })
  @ApiOkResponse({ type: PlatformDto, headers: ETAG_HEADER })
  @ApiProblems([400, 404, 409, 413, 415, 503], new PlatformInactive())
  async makeDefault(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PlatformView> {
    const view = this.repository.toView(await this.writer.makeDefault(user.id, id));
    reply.header('ETag', etagOf(view));
    return view;
  }

  private async shown(row: PlatformConnection, test: boolean): Promise<PlatformView> {
    return test ? this.checks.testWritten(row) : this.repository.toView(row);
  }
}

function replyOfFirst(read: CacheRead<readonly PlatformView[]>): CachedReply {
  const [first] = read.value;
  if (first === undefined) return new CachedReply(read, new NoPlatforms());
  // The id is part of the tag: another connection may become the default, at the same version.
  return new CachedReply(read, JSON.stringify(first), `"${first.id}-${first.version}"`);
}

/** The same reply for another user's connection and an absent one. */
function replyOfOwn(read: CacheRead<CachedPlatform | null>, { id }: AuthUser): CachedReply {
  const platform = read.value;
  if (platform === null || platform.view.userId !== id) return new CachedReply(read, new PlatformNotFound());
  return new CachedReply(read, platform.body, etagOf(platform.view));
}
