import { Body, Controller, Get, Header, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { newSecret } from '../common/secrets.js';
import { AppConfig } from '../config/app-config.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated, Public } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { AnyQuery } from '../http/known-query.guard.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { parseCallback } from './callback.js';
import { browsersOf, connectCookie } from './connect-cookie.js';
import { AttemptNotFound, InvalidConnectState } from './connect.errors.js';
import { ConnectService } from './connect.service.js';
import {
  BeginConnectDto,
  ConnectAnsweredDto,
  ConnectBegunDto,
  ConnectedDto,
  toConnectedDto,
  FinishConnectDto,
} from './dto/connect.dto.js';
import { withQuery } from './return-address.js';

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
    summary: 'Start connecting an account by OAuth, or at Misskey by MiAuth',
    description:
      'The attempt is valid once, for ten minutes. The instance sends the browser back to the callback, and the page ' +
      'there sends `POST /v1/connect/finish`.',
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
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConnectBegunDto> {
    const browser = newSecret();
    const authorizationUrl = await this.connect.begin(user.id, dto, browser);
    reply.header('Set-Cookie', connectCookie(browser, this.config));
    return { authorizationUrl };
  }

  @Get('callback/:key')
  @Public()
  // RFC 6749, 4.1.2: parameters that the client does not know are ignored.
  @AnyQuery()
  @ApiOperation({
    summary: 'Callback of OAuth and MiAuth: the instance redirects the browser here',
    description:
      'Each instance has a redirect URI of its own. Redirects the browser to `returnTo`, or to the console, with ' +
      '`attempt=…` or `connect=failed&code=…` in the query. With `Accept: application/json` responds with JSON. Nothing ' +
      'is connected yet: see `POST /v1/connect/finish`. HEAD and prefetches change nothing.',
  })
  @ApiParam({ name: 'key', description: 'Names the instance', example: 'mB9bBpVgS1m4pJpuJ0x0yA' })
  @ApiHeader({ name: 'Accept', required: false, example: 'application/json' })
  @ApiQuery({ name: 'state', required: false })
  @ApiQuery({ name: 'code', required: false })
  @ApiQuery({ name: 'session', required: false, description: "MiAuth's, instead of a code" })
  @ApiQuery({ name: 'iss', required: false })
  @ApiQuery({ name: 'error', required: false })
  @ApiOkResponse({ type: ConnectAnsweredDto })
  @ApiResponse({ status: 204, description: 'HEAD or a prefetch: nothing was done' })
  @ApiResponse({ status: 303, description: 'Redirect to `returnTo` or to the console' })
  @ApiProblems([400, 429, 503], new InvalidConnectState())
  async callback(
    @Param('key') key: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConnectAnsweredDto | undefined> {
    // The URL contains the authorisation code: it must not leak through Referer, and the response must not be cached.
    reply.headers({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
    if (isSpeculative(request)) {
      reply.code(204);
      return undefined;
    }
    const query = new URL(request.url, 'http://callback.invalid').searchParams;
    const answer = await this.connect.receive(parseCallback(key, query));
    const wantsJson = request.headers.accept?.includes('application/json') === true;
    switch (answer.kind) {
      case 'answered': {
        const { attempt } = answer;
        if (wantsJson) return { attempt };
        sendTo(answer.returnTo, { attempt }, reply);
        return undefined;
      }
      case 'failed': {
        if (wantsJson) throw answer.error;
        sendTo(answer.returnTo, { connect: 'failed', code: answer.error.code }, reply);
        return undefined;
      }
    }
  }

  @Post('finish')
  @HttpCode(200)
  @Authenticated('platforms:write')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Finish connecting an account by OAuth or MiAuth',
    description:
      'Works once, for the user who began the attempt; again, if the outcome was `confirmation_required`. A browser that has the cookie of an attempt must have the one of ' +
      'this attempt.',
  })
  @ApiOkResponse({ type: ConnectedDto })
  @ApiProblems([400, 404, 409, 413, 415, 429, 503], new AttemptNotFound())
  async finish(
    @CurrentUser() user: AuthUser,
    @Body() dto: FinishConnectDto,
    @Req() request: FastifyRequest,
  ): Promise<ConnectedDto> {
    const browsers = browsersOf(request, this.config);
    return toConnectedDto(await this.connect.finish(user.id, dto, browsers));
  }
}

/** A request of a program that looks ahead: the user has not come back yet, so the attempt must stay. */
function isSpeculative({ method, headers }: FastifyRequest): boolean {
  const purposes = [headers['sec-purpose'], headers['purpose']];
  return method === 'HEAD' || purposes.some((purpose) => /^prefetch\b/i.test(String(purpose)));
}

/** Nest ends the reply. `reply.redirect()` would end it before, and Fastify would then log the URL with the code in it. */
function sendTo(address: string, query: Readonly<Record<string, string>>, reply: FastifyReply): void {
  reply.code(303).header('Location', withQuery(address, query));
}
