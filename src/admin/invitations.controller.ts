import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { InvitationsService } from '../users/invitations.service.js';
import { InvitationNotFound, TooManyInvitations } from '../users/users.errors.js';
import { InvitationDto, InviteDto, NewInvitationDto } from './dto/admin-users.dto.js';
import { InvitationMails } from './invitation-mails.js';

@ApiTags('admin')
@Controller('v1/admin/invitations')
export class InvitationsController {
  constructor(
    private readonly invitations: InvitationsService,
    private readonly mails: InvitationMails,
  ) {}

  @Post()
  @Authenticated('admin')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Invite somebody',
    description:
      'The token lets one person create an account where `REGISTRATION=invite`. With `email`, a link is sent to that address too, ' +
      'if this server sends mail: at most three an hour.',
  })
  @ApiCreatedResponse({ type: NewInvitationDto })
  @ApiProblems([400, 409, 413, 415, 503], new TooManyInvitations())
  async create(@Body() { email, days }: InviteDto): Promise<NewInvitationDto> {
    return this.mails.create(email ?? null, days ?? 7);
  }

  @Get()
  @Authenticated('admin')
  @ApiOperation({ summary: 'Invitations that nobody has used, the newest first' })
  @ApiOkResponse({ type: InvitationDto, isArray: true })
  @ApiProblems([503])
  async list(): Promise<InvitationDto[]> {
    return this.invitations.list();
  }

  @Delete(':id')
  @ApiIdParam()
  @HttpCode(204)
  @Authenticated('admin')
  @ApiOperation({ summary: 'Withdraw an invitation' })
  @ApiNoContentResponse()
  @ApiProblems([400, 404, 413, 415, 503], new InvitationNotFound())
  async withdraw(@Param('id', IdPipe) id: number): Promise<void> {
    await this.invitations.withdraw(id);
  }
}
