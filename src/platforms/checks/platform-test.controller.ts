import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../../http/api-problems.decorator.js';
import { Authenticated } from '../../http/auth/access.js';
import type { AuthUser } from '../../http/auth/auth-user.js';
import { CurrentUser } from '../../http/auth/current-user.decorator.js';
import { ApiIdParam, IdPipe } from '../../http/id.pipe.js';
import { RateLimit } from '../../http/rate-limit.decorator.js';
import { CheckRunDto } from '../dto/check-run.dto.js';
import { PlatformTestDto, toPlatformTestDto } from '../dto/platform-test.dto.js';
import { CheckHistory } from './check-history.js';
import { PlatformChecks } from './platform-checks.js';

@ApiTags('platforms')
@Controller('v1/platforms/:id')
export class PlatformTestController {
  constructor(
    private readonly checks: PlatformChecks,
    private readonly history: CheckHistory,
  ) {}

  @Post('test')
  @RateLimit('instance')
  @HttpCode(200)
  @ApiIdParam()
  @Authenticated('platforms:write')
  @ApiOperation({
    summary: 'Test a platform connection at its instance',
    description:
      'Status, time and error are stored. A username that you gave is compared, never overwritten; without one, a passed ' +
      'test fills it in, unless another connection of yours has the account.',
  })
  @ApiOkResponse({ type: PlatformTestDto })
  @ApiProblems([400, 404, 413, 415, 429, 503])
  async test(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<PlatformTestDto> {
    return toPlatformTestDto(await this.checks.test(user.id, id));
  }

  @Get('checks')
  @ApiIdParam()
  @Authenticated('platforms:read')
  @ApiOperation({
    summary: 'What the checks of a platform connection found',
    description:
      'By the watcher and by tests, the latest first: checks in a row that found the same are one entry. Up to 50, of the last 90 ' +
      'days. A rate limit that the watcher meets is not among them.',
  })
  @ApiOkResponse({ type: CheckRunDto, isArray: true })
  @ApiProblems([400, 404, 503])
  async listChecks(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<CheckRunDto[]> {
    return this.history.list(user.id, id);
  }
}
