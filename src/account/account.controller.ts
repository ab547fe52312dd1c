import { Readable } from 'node:stream';
import { Body, Controller, Delete, Get, Header, HttpCode, Ip, Query, StreamableFile } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AuditLog } from '../audit/audit-log.js';
import { SignInDelayed, WrongPassword } from '../auth/auth.errors.js';
import { AppConfig } from '../config/app-config.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { RecentSignIn } from '../http/auth/recent-sign-in.js';
import { ApiBooleanQuery, BooleanQueryPipe } from '../http/boolean-query.pipe.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { RevealDisabled } from '../reveal/reveal.errors.js';
import { AccountDeletion, DAYS_TO_RETURN } from './account-deletion.js';
import { AccountExport } from './account-export.js';
import { DeleteAccountDto, LeavingDto } from './dto/delete-account.dto.js';

@ApiTags('auth')
@Controller('v1/me')
export class AccountController {
  constructor(
    private readonly deletion: AccountDeletion,
    private readonly exports: AccountExport,
    private readonly audit: AuditLog,
    private readonly config: AppConfig,
  ) {}

  @Get('export')
  @Authenticated()
  @RecentSignIn('secrets')
  @RateLimit('strict')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Everything that is kept about you',
    description:
      'A JSON file: account, sessions, API keys, connections and their checks, activities, followers day by day, and your ' +
      'trail. No passwords or ' +
      'keys. With `secrets=true` also `credentials`: access token, client key and client secret of each connection. That needs a ' +
      'recent sign-in (`POST /v1/auth/confirm`), and each connection is in the trail as with a reveal. What cannot be opened is null.',
  })
  @ApiBooleanQuery('secrets', 'Whether to add the credentials of your connections')
  @ApiOkResponse({ content: { 'application/json': { schema: { type: 'object' } } } })
  @ApiProblems([400, 403, 429, 503], new RevealDisabled())
  async export(
    @CurrentUser() { id }: AuthUser,
    @Query('secrets', BooleanQueryPipe) secrets: boolean,
  ): Promise<StreamableFile> {
    const record = { action: 'account.export', userId: id } as const;
    if (secrets && !this.config.revealEnabled) {
      await this.audit.write({ ...record, outcome: 'reveal_disabled' });
      throw new RevealDisabled();
    }
    await this.audit.write({ ...record, outcome: 'done', ...(secrets && { detail: 'With credentials' }) });
    return new StreamableFile(Readable.from(this.exports.of(id, secrets), { objectMode: false }), {
      type: 'application/json',
      disposition: 'attachment; filename="platform-manager-account.json"',
    });
  }

  @Delete()
  @HttpCode(202)
  @Authenticated()
  @RateLimit('strict')
  @ApiOperation({
    summary: 'Delete your account',
    description:
      `All sessions end and no API key works any more, within a second on every process. For ${DAYS_TO_RETURN} days, signing in with ` +
      'the password keeps the account as it was; then it is gone with all connections, and tokens are revoked at the ' +
      'instances where that is safe. The audit trail stays, under the number of the account.',
  })
  @ApiAcceptedResponse({ type: LeavingDto })
  @ApiProblems([400, 403, 413, 415, 429, 503], new WrongPassword(), new SignInDelayed(8))
  async remove(
    @CurrentUser() user: AuthUser,
    @Body() { currentPassword }: DeleteAccountDto,
    @Ip() address: string,
  ): Promise<LeavingDto> {
    return { leavesAt: await this.deletion.request(user, currentPassword ?? '', address) };
  }
}
