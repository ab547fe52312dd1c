import { Body, Controller, HttpCode, Ip, Post, Put } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Public } from '../http/auth/access.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { RunsAgain } from '../idempotency/runs-again.decorator.js';
import { MailNotConfigured } from '../mail/mail.errors.js';
import { EmailTaken } from '../users/users.errors.js';
import { InvalidLink } from './auth.errors.js';
import {
  ChangedEmailDto,
  LinkTokenDto,
  RequestPasswordResetDto,
  ResetPasswordDto,
} from './dto/mail-link.dto.js';
import { EmailChangeService } from './email-change.service.js';
import { EmailVerificationService } from './email-verification.service.js';
import { PasswordResetService } from './password-reset.service.js';

const MAIL_NOT_CONFIGURED = new MailNotConfigured();

/** What people do who are not signed in and can read their mail. */
@ApiTags('auth')
@Controller('v1/auth')
export class MailLinksController {
  constructor(
    private readonly passwordReset: PasswordResetService,
    private readonly verification: EmailVerificationService,
    private readonly emails: EmailChangeService,
  ) {}

  @Post('password-reset')
  @RunsAgain()
  @Public()
  @RateLimit('strict')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Ask for a link to set a new password',
    description:
      'The answer and its time are the same whether or not there is such an account. The link works once, for 30 minutes. ' +
      'An address gets at most three an hour.',
  })
  @ApiAcceptedResponse()
  @ApiProblems([400, 403, 413, 415, 429, 503], MAIL_NOT_CONFIGURED)
  async requestPasswordReset(@Body() { email }: RequestPasswordResetDto): Promise<void> {
    await this.passwordReset.request(email);
  }

  @Put('password-reset')
  @HttpCode(204)
  @Public()
  @RateLimit('strict')
  @ApiOperation({
    summary: 'Set a new password with the token of such a link',
    description:
      'Ends all sessions: every process refuses their access tokens within a second. A password that is refused leaves ' +
      'the link good.',
  })
  @ApiNoContentResponse()
  @ApiProblems([400, 403, 413, 415, 429, 503], new InvalidLink(), MAIL_NOT_CONFIGURED)
  async resetPassword(
    @Body() { token, newPassword }: ResetPasswordDto,
    @Ip() address: string,
  ): Promise<void> {
    await this.passwordReset.reset(token, newPassword, address);
  }

  @Post('verify-email')
  @RunsAgain()
  @Public()
  @RateLimit('strict')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Confirm an e-mail address with the token of a link',
    description: 'The link is sent at the registration. It works once, for 24 hours.',
  })
  @ApiNoContentResponse()
  @ApiProblems([400, 403, 413, 415, 429, 503], new InvalidLink(), MAIL_NOT_CONFIGURED)
  async verifyEmail(@Body() { token }: LinkTokenDto): Promise<void> {
    await this.verification.verify(token);
  }

  @Post('change-email')
  @RunsAgain()
  @Public()
  @RateLimit('strict')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Confirm a change of address with the token of a link',
    description:
      'There is a link for the address until now, and one for the new address. Each works once, for 24 hours.',
  })
  @ApiOkResponse({ type: ChangedEmailDto })
  @ApiProblems([400, 403, 409, 413, 415, 429, 503], new InvalidLink(), new EmailTaken(), MAIL_NOT_CONFIGURED)
  async changeEmail(@Body() { token }: LinkTokenDto): Promise<ChangedEmailDto> {
    return { changed: await this.emails.confirm(token) };
  }
}
