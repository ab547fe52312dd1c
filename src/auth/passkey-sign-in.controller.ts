import { Body, Controller, Header, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PasskeyOptionsDto, PasskeyProofDto } from '../factors/dto/passkey.dto.js';
import { PasskeyRefused } from '../factors/factors.errors.js';
import { PasskeyProofs } from '../factors/passkey-proofs.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Public } from '../http/auth/access.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { RunsAgain } from '../idempotency/runs-again.decorator.js';
import { CameFrom, type SignInOrigin } from '../sessions/sign-in-origin.js';
import { ApiSessionCookie } from './api-session-cookie.decorator.js';
import { AccountDisabled, LocalAccountsDisabled, SessionCookieRefused } from './auth.errors.js';
import { AuthService } from './auth.service.js';
import { SessionDto } from './dto/session.dto.js';

const NO_STORE = ['Cache-Control', 'no-store'] as const;

@ApiTags('auth')
@Controller('v1/auth/passkey')
export class PasskeySignInController {
  constructor(
    private readonly auth: AuthService,
    private readonly proofs: PasskeyProofs,
  ) {}

  @Post('options')
  @RunsAgain()
  @Public()
  @RateLimit('strict')
  @HttpCode(200)
  @Header(...NO_STORE)
  @ApiOperation({
    summary: 'Begin to sign in with a passkey',
    description:
      'Also for `POST /v1/auth/confirm`. The options name no account: the browser asks which passkey to use.',
  })
  @ApiOkResponse({ type: PasskeyOptionsDto })
  @ApiProblems([403, 429, 503], new SessionCookieRefused())
  async options(): Promise<PasskeyOptionsDto> {
    return { publicKey: await this.proofs.options() };
  }

  @Post()
  @ApiSessionCookie()
  @Public()
  @RateLimit('strict')
  @HttpCode(200)
  @Header(...NO_STORE)
  @ApiOperation({
    summary: 'Sign in with a passkey',
    description: 'Needs no password and no code. Within five minutes after the options, once.',
  })
  @ApiOkResponse({ type: SessionDto })
  @ApiProblems(
    [400, 403, 413, 415, 429, 503],
    new PasskeyRefused(),
    new AccountDisabled(),
    new LocalAccountsDisabled(),
    new SessionCookieRefused(),
  )
  async signIn(@Body() { response }: PasskeyProofDto, @CameFrom() from: SignInOrigin): Promise<SessionDto> {
    return this.auth.loginByPasskey(response, from);
  }
}
