import { Controller, Delete, HttpCode, Post } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { CacheUnavailable } from '../cache/cache-errors.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { NarrowedToPolicy, permitsPlatform } from '../http/auth/platform-reach.js';
import { PlatformsService } from './platforms.service.js';

const CACHE_UNAVAILABLE = new CacheUnavailable('redis-unavailable', 'Example of the documentation');

class CacheRefreshDto {
  @ApiProperty({ type: 'integer', example: 3, description: 'Active platform connections loaded' })
  platforms!: number;
}

@ApiTags('platforms')
@Controller('v1/platforms/cache')
export class PlatformCacheController {
  constructor(private readonly platforms: PlatformsService) {}

  @Post('refresh')
  @HttpCode(200)
  @Authenticated('platforms:read')
  @NarrowedToPolicy()
  @ApiOperation({ summary: 'Load your platform connections from the database into the cache' })
  @ApiOkResponse({ type: CacheRefreshDto })
  @ApiProblems([400, 413, 415, 503], CACHE_UNAVAILABLE)
  async refresh(@CurrentUser() user: AuthUser): Promise<CacheRefreshDto> {
    const loaded = await this.platforms.refresh(user.id);
    return { platforms: loaded.filter(({ id }) => permitsPlatform(user, id)).length };
  }

  @Delete()
  @HttpCode(204)
  @Authenticated('platforms:read')
  // Drops the whole list even for a limited key: that shows nothing, and the next read of anybody loads it.
  @NarrowedToPolicy()
  @ApiOperation({ summary: 'Drop your platform connections from the cache; the next read loads them' })
  @ApiNoContentResponse()
  @ApiProblems([400, 413, 415, 503], CACHE_UNAVAILABLE)
  async drop(@CurrentUser() user: AuthUser): Promise<void> {
    await this.platforms.dropCached(user.id);
  }
}
