import { Body, Controller, Get, HttpCode, Ip, Put } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { UsersService } from '../users/users.service.js';
import { SignInDelayed, WrongPassword } from './auth.errors.js';
import { ChangePasswordDto } from './dto/change-password.dto.js';
import { UserDto } from './dto/user.dto.js';
import { PasswordChangeService } from './password-change.service.js';

@ApiTags('auth')
@Controller('v1/me')
export class MeController {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordChangeService,
  ) {}

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

  @Put('password')
  @HttpCode(204)
  @Authenticated()
  @RateLimit('strict')
  @ApiOperation({
    summary: 'Change your password',
    description:
      'Ends all your other sessions: every process refuses their access tokens within a second. A wrong current password ' +
      'costs the same waits as at a sign-in.',
  })
  @ApiNoContentResponse()
  @ApiProblems([400, 403, 413, 415, 429, 503], new WrongPassword(), new SignInDelayed(8))
  async changePassword(
    @CurrentUser() user: AuthUser,
    @Body() { currentPassword, newPassword }: ChangePasswordDto,
    @Ip() address: string,
  ): Promise<void> {
    await this.passwords.change(user, currentPassword, newPassword, address);
  }
}
