import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { RecentSignIn } from '../http/auth/recent-sign-in.js';
import { NoticesDto } from './dto/notices.dto.js';
import { NoticesService } from './notices.service.js';

@ApiTags('auth')
@Controller('v1/me/notices')
export class NoticesController {
  constructor(private readonly notices: NoticesService) {}

  @Get()
  @Authenticated()
  @ApiOperation({
    summary: 'What you are told by mail',
    description:
      'Messages go to an address that has been confirmed (`emailVerified` of `GET /v1/me`), and to no other.',
  })
  @ApiOkResponse({ type: NoticesDto })
  @ApiProblems([503])
  async get(@CurrentUser() { id }: AuthUser): Promise<NoticesDto> {
    return this.notices.switches(id);
  }

  @Put()
  @Authenticated()
  @RecentSignIn()
  @ApiOperation({
    summary: 'Choose what you are told by mail',
    description: 'Needs a recent sign-in: who takes over a session must not silence the message about it.',
  })
  @ApiOkResponse({ type: NoticesDto })
  @ApiProblems([400, 413, 415, 503])
  async set(@CurrentUser() { id }: AuthUser, @Body() wanted: NoticesDto): Promise<NoticesDto> {
    await this.notices.setSwitches(id, wanted);
    return this.notices.switches(id);
  }
}
