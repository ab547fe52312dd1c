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
import { InvalidConnectState } from './connect.errors.js';
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
    summary: 'Start connecting an account by OAuth',
    description:
      'The attempt is valid once, for ten minutes, in the browser that received the cookie of this response.',
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
    // An existing cookie is reused, so that one browser can run several attempts at once.
    const browser = browserOf(request) ?? newSecret();
    const authorizationUrl = await this.connect.begin(user.id, dto, browser);
    const attributes = `Path=${this.config.basePath}/v1/connect; Max-Age=${ATTEMPT_TTL_SECONDS}; HttpOnly; ${this.sameSite()}`;
    reply.header('Set-Cookie', `${COOKIE}=${browser}; ${attributes}`);
    return { authorizationUrl };
  }

  @Get('callback')
  @Public()
  @ApiOperation({
    summary: 'OAuth callback: the instance redirects the browser here',
    description:
      'If the attempt has a `returnTo`, redirects the browser there with `connect=connected&platformId=…` or ' +
      '`connect=failed&code=…` in the query. Otherwise responds with JSON.',
  })
  @ApiQuery({ name: 'state', required: false })
  @ApiQuery({ name: 'code', required: false })
  @ApiQuery({ name: 'error', required: false })
  @ApiOkResponse({ type: ConnectedDto })
  @ApiResponse({
    status: 303,
    description: 'Redirect to `returnTo`, or back to the instance for another try',
  })
  @ApiProblems([400, 409, 429, 503], new InvalidConnectState())
  async callback(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConnectedDto | undefined> {
    // The URL contains the authorisation code: it must not leak through Referer, and the response must not be cached.
    reply.headers({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
    const query = new URL(request.url, 'http://callback.invalid').searchParams;
    const result = await this.connect.finish(query, browserOf(request));
    switch (result.kind) {
      case 'retry':
        sendTo(result.authorizationUrl, reply);
        return undefined;
      case 'failed': {
        if (result.returnTo === null) throw result.error;
        sendTo(withQuery(result.returnTo, { connect: 'failed', code: result.error.code }), reply);
        return undefined;
      }
      case 'connected': {
        const { platformId, renewed, returnTo } = result;
        if (returnTo === null) return { outcome: 'connected', platformId, renewed };
        sendTo(withQuery(returnTo, { connect: 'connected', platformId: String(platformId) }), reply);
        return undefined;
      }
    }
  }

  /**
   * Lax is enough for the callback, which is a top-level navigation from another site. But when a page on a CORS origin
   * starts the attempt with fetch, browsers store the cookie only with None, which requires https. None is safe here:
   * starting an attempt needs a bearer token, and finishing one needs its state.
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

/** Nest ends the reply. `reply.redirect()` would end it before, and Fastify would then log the URL with the code in it. */
function sendTo(address: string, reply: FastifyReply): void {
  reply.code(303).header('Location', address);
}
