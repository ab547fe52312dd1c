import { Body, Controller, Delete, Get, Header, HttpCode, Param, Patch, Post } from '@nestjs/common';
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
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { RunsAgain } from '../idempotency/runs-again.decorator.js';
import { UsersService } from '../users/users.service.js';
import {
  AddedPasskeyDto,
  NewPasskeyDto,
  PasskeyDto,
  PasskeyNameDto,
  PasskeyOptionsDto,
} from './dto/passkey.dto.js';
import { PasskeyNotFound, PasskeyRefused, TooManyPasskeys } from './factors.errors.js';
import { PasskeysService } from './passkeys.service.js';

const NO_STORE = ['Cache-Control', 'no-store'] as const;

@ApiTags('auth')
@Controller('v1/me/passkeys')
export class PasskeysController {
  constructor(
    private readonly passkeys: PasskeysService,
    private readonly users: UsersService,
  ) {}

  @Get()
  @Authenticated()
  @ApiOperation({ summary: 'Your passkeys' })
  @ApiOkResponse({ type: PasskeyDto, isArray: true })
  @ApiProblems([503])
  async list(@CurrentUser() { id }: AuthUser): Promise<PasskeyDto[]> {
    return this.passkeys.list(id);
  }

  @Post('options')
  @RunsAgain()
  @HttpCode(200)
  @Header(...NO_STORE)
  @Authenticated()
  @RecentSignIn()
  @RateLimit('strict')
  @ApiOperation({
    summary: 'Begin to add a passkey',
    description:
      'Passkeys are bound to the host of `PUBLIC_URL`, and can be made on a page of its origin only.',
  })
  @ApiOkResponse({ type: PasskeyOptionsDto })
  @ApiProblems([429, 503])
  async options(@CurrentUser() { id }: AuthUser): Promise<PasskeyOptionsDto> {
    const account = await this.users.findById(id);
    if (account === null) throw new InvalidAccessToken();
    return { publicKey: await this.passkeys.options(id, account.email) };
  }

  @Post()
  @RunsAgain()
  @Header(...NO_STORE)
  @Authenticated()
  @RecentSignIn()
  @RateLimit('strict')
  @ApiOperation({
    summary: 'Add a passkey',
    description:
      'It signs in without a password (`POST /v1/auth/passkey`). From now on the password alone is not enough: without the ' +
      'passkey it needs a recovery code, or a code of the authenticator app.',
  })
  @ApiCreatedResponse({ type: AddedPasskeyDto })
  @ApiProblems([400, 403, 409, 413, 415, 429, 503], new PasskeyRefused(), new TooManyPasskeys())
  async add(
    @CurrentUser() { id }: AuthUser,
    @Body() { name, response }: NewPasskeyDto,
  ): Promise<AddedPasskeyDto> {
    return this.passkeys.add(id, name, response);
  }

  @Patch(':id')
  @ApiIdParam()
  @Authenticated()
  @ApiOperation({ summary: 'Rename a passkey' })
  @ApiOkResponse({ type: PasskeyDto })
  @ApiProblems([400, 404, 413, 415, 503], new PasskeyNotFound())
  async rename(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Body() { name }: PasskeyNameDto,
  ): Promise<PasskeyDto> {
    return this.passkeys.rename(user.id, id, name);
  }

  @Delete(':id')
  @ApiIdParam()
  @HttpCode(204)
  @Authenticated()
  @RecentSignIn()
  @ApiOperation({
    summary: 'Remove a passkey',
    description: 'With the last second factor go the recovery codes: then the password alone signs in again.',
  })
  @ApiNoContentResponse()
  @ApiProblems([400, 404, 413, 415, 503], new PasskeyNotFound())
  async remove(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<void> {
    await this.passkeys.remove(user.id, id);
  }
}
