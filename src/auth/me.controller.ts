import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { UsersService } from '../users/users.service.js';
import { UserDto } from './dto/user.dto.js';

@ApiTags('auth')
@Controller('v1/me')
export class MeController {
  constructor(private readonly users: UsersService) {}

  @Get()
  @Authenticated()
  @ApiOperation({ summary: 'The signed-in user' })
  @ApiOkResponse({ type: UserDto })
  @ApiProblems([503])
  async getMe(@CurrentUser() { id }: AuthUser): Promise<UserDto> {
    const account = await this.users.findById(id);
    if (account === null) throw new InvalidAccessToken();
    return account;
  }
}
