import { Body, Controller, Get, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { mayBeSecret, newSecret } from '../common/secrets.js';
import { AppConfig } from '../config/app-config.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated, Public } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { ATTEMPT_TTL_SECONDS } from './connect-attempts.js';
import { ConnectService } from './connect.service.js';
import { BeginConnectDto, ConnectBegunDto, ConnectedDto } from './dto/connect.dto.js';

const COOKIE = 'pm_connect';

@ApiTags('connect')
@Controller('v1/connect')
export class ConnectController {
  constructor(
    private readonly connect: ConnectService,
    private readonly config: AppConfig,
  ) {}

  @Post()
  @RateLimit('strict')
  @HttpCode(200)
  @Authenticated('platforms:write')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Begin to connect an account by OAuth',
    description:
      'The attempt is good once, for ten minutes, in the browser that holds the cookie of this answer.',
  })
  @ApiBody({
    type: BeginConnectDto,
    examples: { here: { value: { instance: 'mastodon.social', name: 'My Mastodon' } } },
  })
  @ApiOkResponse({ type: ConnectBegunDto })
  @ApiProblems([400, 413, 415, 429, 503])
  async begin(
    @CurrentUser() user: AuthUser,
    @Body() dto: BeginConnectDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConnectBegunDto> {
    // Kept where there is one, so that several attempts can run in one browser.
    const browser = browserOf(request) ?? newSecret();
    const authorizationUrl = await this.connect.begin(user.id, dto, browser);
    const attributes = `Path=/v1/connect; Max-Age=${ATTEMPT_TTL_SECONDS}; HttpOnly; ${this.sameSite()}`;
    reply.header('Set-Cookie', `${COOKIE}=${browser}; ${attributes}`);
    return { authorizationUrl };
  }

  @Get('callback')
  @Public()
  @ApiOperation({
    summary: 'Where the instance sends the browser back to',
    description:
      'With `returnTo`, sends the browser there with `connect=connected&platformId=…` or `connect=failed&code=…` in the ' +
      'query; without, answers itself.',
  })
  @ApiQuery({ name: 'state', required: false })
  @ApiQuery({ name: 'code', required: false })
  @ApiQuery({ name: 'error', required: false })
  @ApiOkResponse({ type: ConnectedDto })
  @ApiResponse({ status: 303, description: 'To `returnTo`, or to the instance once more' })
  @ApiProblems([400, 409, 429, 503], {
    400: [
      'invalid_state',
      'Connection not finished',
      'This attempt to connect is over, or was begun in another browser. Start again.',
    ],
  })
  async callback(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConnectedDto | undefined> {
    // The URL holds a code; nobody else is told of it, and nobody keeps the answer.
    reply.headers({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
    const query = new URL(request.url, 'http://callback.invalid').searchParams;
    const result = await this.connect.finish(query, browserOf(request));
    switch (result.kind) {
      case 'again':
        reply.redirect(result.authorizationUrl, 303);
        return undefined;
      case 'failed': {
        if (result.returnTo === null) throw result.error;
        reply.redirect(withQuery(result.returnTo, { connect: 'failed', code: result.error.code }), 303);
        return undefined;
      }
      case 'connected': {
        const { platformId, renewed, returnTo } = result;
        if (returnTo === null) return { outcome: 'connected', platformId, renewed };
        reply.redirect(withQuery(returnTo, { connect: 'connected', platformId: String(platformId) }), 303);
        return undefined;
      }
    }
  }

  /**
   * Lax brings it along to the callback, which is a navigation from another site. But from the answer to a fetch by a
   * page of another site browsers keep a cookie only with None, which they take over https only. Nobody can do anything
   * with it there: beginning needs a bearer token, and finishing a state.
   */
  private sameSite(): string {
    if (!this.config.publicUrl.startsWith('https:')) return 'SameSite=Lax';
    return this.config.corsOrigins.length > 0 ? 'SameSite=None; Secure' : 'SameSite=Lax; Secure';
  }
}

function browserOf({ headers }: FastifyRequest): string | undefined {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  const value = pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
  return value !== undefined && mayBeSecret(value) ? value : undefined;
}

function withQuery(address: string, query: Readonly<Record<string, string>>): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}
