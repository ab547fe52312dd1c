import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
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
  constructor(private readonly platforms: PlatformSearch) {}

  @Get()
  @Authenticated('admin')
  @ApiOperation({ summary: "Search all users' platform connections" })
  @ApiAdminPlatformsQuery()
  @ApiOkResponse({ type: AdminPlatformsPageDto })
  @ApiProblems([400, 503])
  async find(
    @Query(queryPipe(AdminPlatformsQuery)) query: Readonly<AdminPlatformsQuery>,
  ): Promise<AdminPlatformsPageDto> {
    return this.platforms.find(query);
  }
}
