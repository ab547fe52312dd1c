import { Body, Controller, HttpCode, Ip, Post, Put } from '@nestjs/common';
import { ApiAcceptedResponse, ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Public } from '../http/auth/access.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { RunsAgain } from '../idempotency/runs-again.decorator.js';
import { MailNotConfigured } from '../mail/mail.errors.js';
import { InvalidLink } from './auth.errors.js';
import { LinkTokenDto, RequestPasswordResetDto, ResetPasswordDto } from './dto/mail-link.dto.js';
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
}
