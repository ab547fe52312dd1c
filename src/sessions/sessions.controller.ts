import { Controller, Delete, Get, HttpCode, Param } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { OpenSessionDto } from './dto/open-session.dto.js';
import { SessionEndUnconfirmed, SessionNotFound } from './sessions.errors.js';
import { SessionsService } from './sessions.service.js';

const WITHIN_A_SECOND =
  'Its refresh token is refused at once, and its access token by every process within a second. After a 503, repeat the request.';

@ApiTags('auth')
@Controller('v1/sessions')
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Get()
  @Authenticated()
  @ApiOperation({
    summary: 'Where you are signed in',
    description:
      'The session seen last comes first. People who sign in with the OpenID provider have no sessions here.',
  })
  @ApiOkResponse({ type: OpenSessionDto, isArray: true })
  @ApiProblems([503])
  async list(@CurrentUser() user: AuthUser): Promise<OpenSessionDto[]> {
    return this.sessions.list(user);
  }

  @Delete(':id')
  @ApiIdParam()
  @HttpCode(204)
  @Authenticated()
  @ApiOperation({ summary: 'Sign out one session', description: WITHIN_A_SECOND })
  @ApiNoContentResponse()
  @ApiProblems([400, 404, 413, 415, 503], new SessionNotFound(), new SessionEndUnconfirmed())
  async end(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<void> {
    await this.sessions.end(user.id, id);
  }

  @Delete()
  @HttpCode(204)
  @Authenticated()
  @ApiOperation({
    summary: 'Sign out everywhere else',
    description: `All sessions but the one of this request. ${WITHIN_A_SECOND}`,
  })
  @ApiNoContentResponse()
  @ApiProblems([413, 415, 503], new SessionEndUnconfirmed())
  async endOthers(@CurrentUser() user: AuthUser): Promise<void> {
    await this.sessions.endOthers(user);
  }
}
