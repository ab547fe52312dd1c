import { Body, Controller, Delete, Get, Header, HttpCode, Post, Put } from '@nestjs/common';
import {
  ApiCreatedResponse,
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
import { UsersService } from '../users/users.service.js';
import { NewTotpDto, RecoveryCodesDto, TotpCodeDto, TotpDto } from './dto/totp.dto.js';
import { TotpEnabled, TotpNotFound, WrongCode } from './factors.errors.js';
import { TotpService } from './totp.service.js';

const NO_STORE = ['Cache-Control', 'no-store'] as const;

@ApiTags('auth')
@Controller('v1/me/totp')
export class TotpController {
  constructor(
    private readonly totp: TotpService,
    private readonly users: UsersService,
  ) {}

  @Get()
  @Authenticated()
  @ApiOperation({ summary: 'Whether signing in needs a code of an authenticator app' })
  @ApiOkResponse({ type: TotpDto })
  @ApiProblems([503])
  async state(@CurrentUser() { id }: AuthUser): Promise<TotpDto> {
    return this.totp.state(id);
  }

  @Post()
  @RunsAgain()
  @Header(...NO_STORE)
  @Authenticated()
  @RecentSignIn()
  @RateLimit('strict')
  @ApiOperation({
    summary: 'Begin to set up an authenticator app',
    description: 'It counts once a code of it has been sent with PUT. Beginning again makes another secret.',
  })
  @ApiCreatedResponse({ type: NewTotpDto })
  @ApiProblems([409, 429, 503], new TotpEnabled())
  async begin(@CurrentUser() { id }: AuthUser): Promise<NewTotpDto> {
    const account = await this.users.findById(id);
    if (account === null) throw new InvalidAccessToken();
    return this.totp.begin(id, account.email);
  }

  @Put()
  @Header(...NO_STORE)
  @Authenticated()
  @RecentSignIn()
  @RateLimit('strict')
  @ApiOperation({
    summary: 'Finish with a code of the app',
    description:
      'From now on `POST /v1/auth/login` also needs a `code`. The answer has ten recovery codes, for the day on which ' +
      'the app is lost.',
  })
  @ApiOkResponse({ type: RecoveryCodesDto })
  @ApiProblems(
    [400, 403, 404, 409, 413, 415, 429, 503],
    new WrongCode(),
    new TotpNotFound(),
    new TotpEnabled(),
  )
  async confirm(@CurrentUser() { id }: AuthUser, @Body() { code }: TotpCodeDto): Promise<RecoveryCodesDto> {
    return { recoveryCodes: await this.totp.confirm(id, code) };
  }

  @Post('recovery-codes')
  @RunsAgain()
  @Header(...NO_STORE)
  @Authenticated()
  @RecentSignIn()
  @RateLimit('strict')
  @ApiOperation({ summary: 'Replace the recovery codes' })
  @ApiCreatedResponse({ type: RecoveryCodesDto })
  @ApiProblems([404, 429, 503], new TotpNotFound())
  async renewCodes(@CurrentUser() { id }: AuthUser): Promise<RecoveryCodesDto> {
    return { recoveryCodes: await this.totp.renewCodes(id) };
  }

  @Delete()
  @HttpCode(204)
  @Authenticated()
  @RecentSignIn()
  @ApiOperation({
    summary: 'Remove the authenticator app and the recovery codes',
    description: 'Then the password alone signs in again.',
  })
  @ApiNoContentResponse()
  @ApiProblems([404, 413, 415, 503], new TotpNotFound())
  async remove(@CurrentUser() { id }: AuthUser): Promise<void> {
    await this.totp.remove(id);
  }
}
