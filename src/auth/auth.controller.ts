import { Body, Controller, Header, HttpCode, Post } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { SecondFactorRequired } from '../factors/factors.errors.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Public } from '../http/auth/access.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { RunsAgain } from '../idempotency/runs-again.decorator.js';
import { CameFrom, type SignInOrigin } from '../sessions/sign-in-origin.js';
import { EmailTaken, InvalidInvitation, InvitationRequired } from '../users/users.errors.js';
import { ApiSessionCookie } from './api-session-cookie.decorator.js';
import {
  AccountDisabled,
  InvalidCredentials,
  InvalidRefreshToken,
  LocalAccountsDisabled,
  RegistrationClosed,
  SessionCookieRefused,
  SignInDelayed,
} from './auth.errors.js';
import { AuthService } from './auth.service.js';
import { LoginDto } from './dto/login.dto.js';
import { RefreshTokenDto } from './dto/refresh-token.dto.js';
import { RegisterDto } from './dto/register.dto.js';
import { SessionDto } from './dto/session.dto.js';

// RFC 6749, section 5.1: responses that contain tokens must not be stored.
const NO_STORE = ['Cache-Control', 'no-store'] as const;
const LOCAL_ACCOUNTS_DISABLED = new LocalAccountsDisabled();
const COOKIE_REFUSED = new SessionCookieRefused();

@ApiTags('auth')
@Controller('v1/auth')
export class AuthController {
  constructor(private readonly auth: AuthService) {}

  @Post('register')
  @ApiSessionCookie()
  @Public()
  @RateLimit('strict')
  @Header(...NO_STORE)
  @ApiOperation({ summary: 'Create an account and sign in' })
  @ApiCreatedResponse({ type: SessionDto })
  @ApiProblems(
    [400, 403, 409, 413, 415, 429, 503],
    LOCAL_ACCOUNTS_DISABLED,
    COOKIE_REFUSED,
    new RegistrationClosed(),
    new InvitationRequired(),
    new InvalidInvitation(),
    new EmailTaken(),
  )
  async register(
    @Body() { email, password, invitation }: RegisterDto,
    @CameFrom() from: SignInOrigin,
  ): Promise<SessionDto> {
    return this.auth.register(email, password, from, invitation ?? null);
  }

  @Post('login')
  @ApiSessionCookie()
  @Public()
  @RateLimit('strict')
  @HttpCode(200)
  @Header(...NO_STORE)
  @ApiOperation({
    summary: 'Sign in',
    description:
      'After five failures for an account from one address each further one doubles the wait, up to 15 minutes: 429 with `Retry-After`. ' +
      'An account with an authenticator app answers the right password with 403 `second_factor_required`: then send a ' +
      '`code` too. A wrong one counts as a failure.',
  })
  @ApiOkResponse({ type: SessionDto })
  @ApiProblems(
    [400, 401, 403, 413, 415, 429, 503],
    LOCAL_ACCOUNTS_DISABLED,
    COOKIE_REFUSED,
    new InvalidCredentials(),
    new SecondFactorRequired(),
    new AccountDisabled(),
    new SignInDelayed(8),
  )
  async login(
    @Body() { email, password, code }: LoginDto,
    @CameFrom() from: SignInOrigin,
  ): Promise<SessionDto> {
    return this.auth.login(email, password, code ?? null, from);
  }

  @Post('refresh')
  @ApiSessionCookie()
  @Public()
  @HttpCode(200)
  @Header(...NO_STORE)
  @ApiOperation({
    summary: 'Exchange a refresh token for new tokens',
    description:
      'A refresh token works once. Using it a second time ends all sessions of the user. One from the cookie may come again within 30 seconds: all tabs of a browser share it.',
  })
  @ApiOkResponse({ type: SessionDto })
  @ApiProblems(
    [400, 401, 403, 413, 415, 429, 503],
    LOCAL_ACCOUNTS_DISABLED,
    COOKIE_REFUSED,
    new InvalidRefreshToken(),
  )
  async refresh(
    @Body() { refreshToken }: RefreshTokenDto,
    @CameFrom() from: SignInOrigin,
  ): Promise<SessionDto> {
    return this.auth.refresh(refreshToken, from);
  }

  @Post('logout')
  @ApiSessionCookie()
  @RunsAgain()
  @Public()
  @HttpCode(204)
  @ApiOperation({
    summary: 'End the session of a refresh token',
    description:
      'Every process refuses its access token within a second. An unknown refresh token gets the same response; 401 only if `Session-Cookie` comes without a cookie.',
  })
  @ApiNoContentResponse()
  @ApiProblems([400, 401, 403, 413, 415, 503], COOKIE_REFUSED, new InvalidRefreshToken())
  async logout(@Body() { refreshToken }: RefreshTokenDto): Promise<void> {
    await this.auth.logout(refreshToken);
  }
}
