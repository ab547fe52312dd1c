import { Body, Controller, Get, HttpCode, Ip, Post, Put } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { RecentSignIn } from '../http/auth/recent-sign-in.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { RunsAgain } from '../idempotency/runs-again.decorator.js';
import { MailNotConfigured } from '../mail/mail.errors.js';
import { EmailTaken } from '../users/users.errors.js';
import { UsersService } from '../users/users.service.js';
import { SignInDelayed, WrongPassword } from './auth.errors.js';
import { ChangePasswordDto } from './dto/change-password.dto.js';
import { ChangeEmailDto } from './dto/mail-link.dto.js';
import { MeDto } from './dto/user.dto.js';
import { EmailChangeService } from './email-change.service.js';
import { EmailVerificationService } from './email-verification.service.js';
import { PasswordChangeService } from './password-change.service.js';

@ApiTags('auth')
@Controller('v1/me')
export class MeController {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordChangeService,
    private readonly verification: EmailVerificationService,
    private readonly emails: EmailChangeService,
  ) {}

  @Get()
  @Authenticated()
  @ApiOperation({ summary: 'The signed-in user' })
  @ApiOkResponse({ type: MeDto })
  @ApiProblems([503])
  async getMe(@CurrentUser() { id }: AuthUser): Promise<MeDto> {
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

  @Put('email')
  @HttpCode(202)
  @Authenticated()
  @RecentSignIn()
  @RateLimit('strict')
  @ApiOperation({
    summary: 'Change your e-mail address',
    description:
      'Sends a link to the address until now and one to the new one. The address is changed when both have been opened, ' +
      'within 24 hours. Asking again voids the links from before. An address gets at most three an hour.',
  })
  @ApiAcceptedResponse()
  @ApiProblems([400, 403, 409, 413, 415, 429, 503], new EmailTaken(), new MailNotConfigured())
  async changeEmail(@CurrentUser() user: AuthUser, @Body() { email }: ChangeEmailDto): Promise<void> {
    await this.emails.request(user, email);
  }

  @Post('verify-email')
  @RunsAgain()
  @HttpCode(202)
  @Authenticated()
  @RateLimit('strict')
  @ApiOperation({
    summary: 'Send the link that confirms your e-mail address again',
    description: 'At most three an hour. Nothing is sent if the address has been confirmed.',
  })
  @ApiAcceptedResponse()
  @ApiProblems([403, 429, 503], new MailNotConfigured())
  async sendVerification(@CurrentUser() { id }: AuthUser): Promise<void> {
    await this.verification.request(id);
  }
}
