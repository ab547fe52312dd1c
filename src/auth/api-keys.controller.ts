import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
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
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { RecentSignIn } from '../http/auth/recent-sign-in.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { ApiKeysService } from './api-keys.service.js';
import { ApiKeyNotFound, RevocationUnconfirmed, TooManyApiKeys } from './auth.errors.js';
import { ApiKeyDto, CreateApiKeyDto, CreatedApiKeyDto } from './dto/api-key.dto.js';

/** For sessions only: a key that could create keys could survive its own revocation. */
@ApiTags('api keys')
@Controller('v1/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Get()
  @Authenticated()
  @ApiOperation({ summary: 'List your API keys that are not revoked' })
  @ApiOkResponse({ type: ApiKeyDto, isArray: true })
  @ApiProblems([503])
  async list(@CurrentUser() user: AuthUser): Promise<ApiKeyDto[]> {
    return this.keys.list(user.id);
  }

  @Post()
  @Header('Cache-Control', 'no-store')
  @Authenticated()
  @RecentSignIn()
  @ApiOperation({
    summary: 'Create an API key for a program',
    description:
      'The key is shown only once. It allows what its scopes allow, within its policy: what that does not permit is ' +
      '403 `policy_refused`. A key that is limited to platform connections lists only these and can neither create ' +
      'others nor look up instances. No key can manage API keys or act as an admin. Needs a recent ' +
      'sign-in: see `POST /v1/auth/confirm`.',
  })
  @ApiCreatedResponse({ type: CreatedApiKeyDto })
  @ApiProblems([400, 409, 413, 415, 503], new TooManyApiKeys(50))
  async create(
    @CurrentUser() user: AuthUser,
    @Body() { name, scopes, expiresAt, policy }: CreateApiKeyDto,
  ): Promise<CreatedApiKeyDto> {
    return this.keys.create(user.id, {
      name,
      scopes,
      expiresAt: expiresAt ? new Date(expiresAt) : null,
      policy: policy ?? {},
    });
  }

  @Delete(':id')
  @ApiIdParam()
  @HttpCode(204)
  @Authenticated()
  @ApiOperation({
    summary: 'Revoke an API key',
    description: 'After a 204, no process accepts the key any more. After a 503, repeat the request.',
  })
  @ApiNoContentResponse()
  @ApiProblems([400, 404, 413, 415, 503], new ApiKeyNotFound(), new RevocationUnconfirmed())
  async revoke(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<void> {
    await this.keys.revoke(user.id, id);
  }
}
