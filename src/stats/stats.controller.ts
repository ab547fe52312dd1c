import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  type ApiQueryOptions,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { CacheRead } from '../cache/cache-read.js';
import { CachedReply } from '../cache/cached-reply.js';
import { CACHED_HEADERS } from '../http/api-headers.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { NarrowedToPolicy } from '../http/auth/platform-reach.js';
import { BatchPipe } from '../http/batch.pipe.js';
import { BatchBody } from '../http/body-limits.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { WholeQueryPipe } from '../http/whole-query.pipe.js';
import { NoPlatforms, PlatformNotFound } from '../platforms/platforms.errors.js';
import { ActivitiesService } from './activities.service.js';
import { ActivityDto, ActivityOfDayDto, RecordedActivitiesDto } from './dto/activity.dto.js';
import { PlatformStatsDto, SnapshotOfDayDto } from './dto/platform-stats.dto.js';
import { type PlatformStats, statsBody } from './platform-stats.js';
import { StatsService } from './stats.service.js';

const MAX_ACTIVITIES = 500;
const MAX_DAYS = 365;
const DEFAULT_DAYS = 30;
const DAYS_PIPE = new WholeQueryPipe({ min: 1, max: MAX_DAYS, absent: DEFAULT_DAYS });
const DAYS_QUERY: ApiQueryOptions = {
  name: 'days',
  required: false,
  description: 'Number of days to look back, including today',
  schema: { type: 'integer', minimum: 1, maximum: MAX_DAYS, default: DEFAULT_DAYS },
};

@ApiTags('statistics')
@ApiExtraModels(ActivityDto)
@Controller('v1/platforms')
export class StatsController {
  constructor(
    private readonly stats: StatsService,
    private readonly activities: ActivitiesService,
  ) {}

  @Get('default/stats')
  @Authenticated('platforms:read')
  @NarrowedToPolicy()
  @ApiOperation({ summary: 'Statistics of your default platform connection' })
  @ApiOkResponse({ type: PlatformStatsDto, headers: CACHED_HEADERS })
  @ApiProblems([404, 503], new NoPlatforms())
  async ofDefault(@CurrentUser() user: AuthUser): Promise<CachedReply> {
    const read = await this.stats.ofDefault(user);
    if (read === null) throw new NoPlatforms();
    return this.reply(read);
  }

  @Get(':id/stats')
  @ApiIdParam()
  @Authenticated('platforms:read')
  @ApiOperation({ summary: 'Statistics of a platform connection' })
  @ApiOkResponse({ type: PlatformStatsDto, headers: CACHED_HEADERS })
  @ApiProblems([400, 404, 503])
  async ofPlatform(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<CachedReply> {
    return this.reply(await this.stats.ofPlatform(user.id, id));
  }

  @Get(':id/stats/history')
  @ApiIdParam()
  @Authenticated('platforms:read')
  @ApiOperation({
    summary: "Daily history of a platform connection's account figures",
    description:
      'Oldest first, at most one entry per day. Days on which the instance could not be reached are missing. Covers only ' +
      'the account that is connected now. 400 days are kept.',
  })
  @ApiQuery(DAYS_QUERY)
  @ApiOkResponse({ type: SnapshotOfDayDto, isArray: true })
  @ApiProblems([400, 404, 503])
  async history(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Query('days', DAYS_PIPE) days: number,
  ): Promise<SnapshotOfDayDto[]> {
    return this.stats.history(user.id, id, days);
  }

  @Get(':id/stats/activity')
  @ApiIdParam()
  @Authenticated('platforms:read')
  @ApiOperation({
    summary: 'Daily counts of the activities on a platform',
    description:
      'Oldest first, one entry per day, by the time at which each activity occurred. Days without activity and future ' +
      'days are missing.',
  })
  @ApiQuery(DAYS_QUERY)
  @ApiOkResponse({ type: ActivityOfDayDto, isArray: true })
  @ApiProblems([400, 404, 503])
  async activity(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Query('days', DAYS_PIPE) days: number,
  ): Promise<ActivityOfDayDto[]> {
    return this.activities.byDay(user.id, id, days);
  }

  @Post(':id/activities')
  @BatchBody()
  @ApiIdParam()
  @HttpCode(200)
  @Authenticated('activities:write')
  @ApiOperation({
    summary: 'Report activities on a platform',
    description:
      'The statistics count them. Idempotent by (platform, kind, externalId): repeating a report changes nothing.',
  })
  @ApiBody({
    schema: {
      type: 'array',
      minItems: 1,
      maxItems: MAX_ACTIVITIES,
      items: { $ref: getSchemaPath(ActivityDto) },
    },
  })
  @ApiOkResponse({ type: RecordedActivitiesDto })
  @ApiProblems([400, 404, 413, 415, 503])
  async record(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Body(new BatchPipe(ActivityDto, MAX_ACTIVITIES)) activities: ActivityDto[],
  ): Promise<RecordedActivitiesDto> {
    return this.activities.record(user.id, id, activities);
  }

  private reply(read: CacheRead<PlatformStats | null>): CachedReply {
    return new CachedReply(read, read.value === null ? new PlatformNotFound() : statsBody(read.raw));
  }
}
