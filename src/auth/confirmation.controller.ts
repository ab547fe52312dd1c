import { Body, Controller, Header, HttpCode, Ip, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { RunsAgain } from '../idempotency/runs-again.decorator.js';
import { SignInDelayed, WrongPassword } from './auth.errors.js';
import { ConfirmationService } from './confirmation.service.js';
import { ConfirmDto, ConfirmationDto } from './dto/confirmation.dto.js';

@ApiTags('auth')
@Controller('v1/auth')
export class ConfirmationController {
  constructor(private readonly confirmation: ConfirmationService) {}

  @Post('confirm')
  @RunsAgain()
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Authenticated()
  @RateLimit('strict')
  @ApiOperation({
    summary: 'Confirm that it is you',
    description:
      'What a thief of an access token must not do needs a sign-in of the last ten minutes, else it is 403 ' +
      '`recent_sign_in_required`: revealing credentials, creating API keys, changing the e-mail address or a second factor. The password, a ' +
      'passkey, or a code of the authenticator app, makes the session ' +
      'as good as a new one, for ten minutes. A wrong one costs the same waits as at a sign-in.',
  })
  @ApiOkResponse({ type: ConfirmationDto })
  @ApiProblems([400, 403, 413, 415, 429, 503], new WrongPassword(), new SignInDelayed(8))
  async confirm(
    @CurrentUser() user: AuthUser,
    @Body() { password, totp, passkey }: ConfirmDto,
    @Ip() address: string,
  ): Promise<ConfirmationDto> {
    if (password !== undefined) return this.confirmation.byPassword(user, password, address);
    return totp === undefined
      ? this.confirmation.byPasskey(user, passkey, address)
      : this.confirmation.byCode(user, totp, address);
  }
}
