import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AppConfig } from '../config/app-config.js';
import { LINK_HEADER } from '../http/api-headers.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { nextLink } from '../http/page-cursor.js';
import { queryPipe } from '../http/query.pipe.js';
import { PlatformSearch } from '../platforms/platform-search.js';
import {
  AdminPlatformsPageDto,
  AdminPlatformsQuery,
  ApiAdminPlatformsQuery,
} from './dto/admin-platforms.dto.js';

@ApiTags('admin')
@Controller('v1/admin/platforms')
export class AdminPlatformsController {
  constructor(
    private readonly platforms: PlatformSearch,
    private readonly config: AppConfig,
  ) {}

  @Get()
  @Authenticated('admin')
  @ApiOperation({ summary: "Search all users' platform connections" })
  @ApiAdminPlatformsQuery()
  @ApiOkResponse({ type: AdminPlatformsPageDto, headers: LINK_HEADER })
  @ApiProblems([400, 503])
  async find(
    @Query(queryPipe(AdminPlatformsQuery)) query: Readonly<AdminPlatformsQuery>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminPlatformsPageDto> {
    const { search, q, page, pageSize, limit, ...others } = query;
    const { next, ...found } = await this.platforms.find({
      ...others,
      search: search ?? q,
      page: page ?? 1,
      pageSize: limit ?? pageSize ?? 20,
    });
    if (next !== null) {
      const same = { ...others, search: search ?? q, limit: limit ?? pageSize };
      reply.header('Link', nextLink(`${this.config.basePath}/v1/admin/platforms`, same, next));
    }
    return found;
  }
}
