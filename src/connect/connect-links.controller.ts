import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { ConnectLinks, MAX_LINKS } from './connect-links.js';
import { ConnectLinkNotFound, TooManyConnectLinks } from './connect.errors.js';
import { ConnectLinkDto, CreateConnectLinkDto, NewConnectLinkDto } from './dto/connect-link.dto.js';

@ApiTags('connect')
@Controller('v1/connect/links')
export class ConnectLinksController {
  constructor(private readonly links: ConnectLinks) {}

  @Post()
  @Authenticated('platforms:write')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Make a link with which somebody without an account connects theirs for you',
    description:
      'The link is good for one connection, for 30 minutes. The connection is yours, with the label `external-user`.',
  })
  @ApiBody({
    type: CreateConnectLinkDto,
    examples: { here: { value: { externalUserId: 'customer-1207', applicationName: 'Alt Text Helper' } } },
  })
  @ApiCreatedResponse({ type: NewConnectLinkDto })
  @ApiProblems([400, 409, 413, 415, 503], new TooManyConnectLinks(MAX_LINKS))
  async create(@CurrentUser() user: AuthUser, @Body() dto: CreateConnectLinkDto): Promise<NewConnectLinkDto> {
    return this.links.create(user.id, dto);
  }

  @Get()
  @Authenticated('platforms:read')
  @ApiOperation({ summary: 'Your links that can still be used, the newest first' })
  @ApiOkResponse({ type: ConnectLinkDto, isArray: true })
  @ApiProblems([503])
  async list(@CurrentUser() user: AuthUser): Promise<ConnectLinkDto[]> {
    return this.links.list(user.id);
  }

  @Delete(':id')
  @ApiIdParam()
  @HttpCode(204)
  @Authenticated('platforms:write')
  @ApiOperation({ summary: 'Revoke a link', description: 'What was begun with it ends too.' })
  @ApiNoContentResponse()
  @ApiProblems([400, 404, 413, 415, 503], new ConnectLinkNotFound())
  async revoke(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<void> {
    await this.links.revoke(user.id, id);
  }
}
