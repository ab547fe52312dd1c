import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Query, Res } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AppConfig } from '../config/app-config.js';
import { LINK_HEADER } from '../http/api-headers.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { nextLink } from '../http/page-cursor.js';
import { queryPipe } from '../http/query.pipe.js';
import { SessionEndUnconfirmed } from '../sessions/sessions.errors.js';
import { type ManagedUser, UserSearch } from '../users/user-search.js';
import { OwnAccount, UserNotFound } from '../users/users.errors.js';
import { UsersService } from '../users/users.service.js';
import {
  AdminUsersPageDto,
  AdminUsersQuery,
  ApiAdminUsersQuery,
  ChangeUserDto,
  ManagedUserDto,
} from './dto/admin-users.dto.js';
import { UserAdministration } from './user-administration.js';

const NOT_FOUND = new UserNotFound();
const OWN = new OwnAccount();
const WITHIN_A_SECOND = 'Every process knows within a second.';

@ApiTags('admin')
@Controller('v1/admin/users')
export class AdminUsersController {
  constructor(
    private readonly search: UserSearch,
    private readonly users: UsersService,
    private readonly administration: UserAdministration,
    private readonly config: AppConfig,
  ) {}

  @Get()
  @Authenticated('admin')
  @ApiOperation({ summary: 'Search all users' })
  @ApiAdminUsersQuery()
  @ApiOkResponse({ type: AdminUsersPageDto, headers: LINK_HEADER })
  @ApiProblems([400, 503])
  async find(
    @Query(queryPipe(AdminUsersQuery)) query: Readonly<AdminUsersQuery>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminUsersPageDto> {
    const { cursor: _cursor, ...same } = query;
    const { items, next } = await this.search.find({ ...query, limit: query.limit ?? 20 });
    if (next !== null) reply.header('Link', nextLink(`${this.config.basePath}/v1/admin/users`, same, next));
    return { items: items.map(toDto) };
  }

  @Get(':id')
  @ApiIdParam()
  @Authenticated('admin')
  @ApiOperation({ summary: 'A user' })
  @ApiOkResponse({ type: ManagedUserDto })
  @ApiProblems([400, 404, 503], NOT_FOUND)
  async get(@Param('id', IdPipe) id: number): Promise<ManagedUserDto> {
    const user = await this.users.managed(id);
    if (user === null) throw new UserNotFound();
    return toDto(user);
  }

  @Patch(':id')
  @ApiIdParam()
  @Authenticated('admin')
  @ApiOperation({
    summary: "Change a user's role, disable or enable a user",
    description:
      'Both end all sessions of the user. A disabled user can neither sign in nor use an API key; their connections ' +
      `stay, and are still checked. Disabling or enabling a user who is leaving ends that. ${WITHIN_A_SECOND}`,
  })
  @ApiOkResponse({ type: ManagedUserDto })
  @ApiProblems([400, 404, 409, 413, 415, 503], NOT_FOUND, OWN)
  async change(
    @CurrentUser() caller: AuthUser,
    @Param('id', IdPipe) id: number,
    @Body() change: ChangeUserDto,
  ): Promise<ManagedUserDto> {
    return toDto(await this.administration.change(caller, id, change));
  }

  @Delete(':id')
  @ApiIdParam()
  @HttpCode(204)
  @Authenticated('admin')
  @ApiOperation({
    summary: 'Delete a user with all connections, keys and sessions',
    description:
      'At once and for good. Tokens stay valid at their instances: delete the connections with `revoke` first where that ' +
      `matters. ${WITHIN_A_SECOND}`,
  })
  @ApiNoContentResponse()
  @ApiProblems([400, 404, 409, 413, 415, 503], NOT_FOUND, OWN)
  async remove(@CurrentUser() caller: AuthUser, @Param('id', IdPipe) id: number): Promise<void> {
    await this.administration.remove(caller, id);
  }

  @Delete(':id/sessions')
  @ApiIdParam()
  @HttpCode(204)
  @Authenticated('admin')
  @ApiOperation({ summary: 'Sign a user out everywhere', description: WITHIN_A_SECOND })
  @ApiNoContentResponse()
  @ApiProblems([400, 404, 409, 413, 415, 503], NOT_FOUND, OWN, new SessionEndUnconfirmed())
  async endSessions(@CurrentUser() caller: AuthUser, @Param('id', IdPipe) id: number): Promise<void> {
    await this.administration.endSessions(caller, id);
  }
}

function toDto({ disabledAt, ...user }: ManagedUser): ManagedUserDto {
  const { id, email, role, oidcIssuer, createdAt, lastActiveAt, leavesAt } = user;
  return { id, email, role, disabled: disabledAt !== null, oidcIssuer, createdAt, lastActiveAt, leavesAt };
}
