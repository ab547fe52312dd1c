import { Body, Controller, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppConfig } from '../config/app-config.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Public } from '../http/auth/access.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { InstanceDto } from '../instances/dto/instance.dto.js';
import { browsersOf, connectCookie } from './connect-cookie.js';
import { LINK_TTL_SECONDS } from './connect-links.js';
import { AttemptNotFound, ConnectLinkNotFound } from './connect.errors.js';
import { ConnectBegunDto } from './dto/connect.dto.js';
import {
  GuestBeginDto,
  GuestConnectedDto,
  GuestDto,
  GuestFinishDto,
  GuestLinkDto,
  GuestLookupDto,
} from './dto/guest-connect.dto.js';
import { GuestConnectService } from './guest-connect.service.js';

/**
 * What the page of a link asks for. Links are in bodies, never in addresses, which logs keep. No page of another site can send
 * these: JSON from another origin needs a preflight.
 */
@ApiTags('connect')
@Controller('v1/connect/guest')
export class GuestConnectController {
  constructor(
    private readonly guests: GuestConnectService,
    private readonly config: AppConfig,
  ) {}

  @Post()
  @Public()
  @RateLimit('strict')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'What a connect link is for',
    description: 'Once a browser has begun with the link, it is no link for any other.',
  })
  @ApiOkResponse({ type: GuestLinkDto })
  @ApiProblems([400, 404, 413, 415, 429, 503], new ConnectLinkNotFound())
  async show(@Body() { link }: GuestDto, @Req() request: FastifyRequest): Promise<GuestLinkDto> {
    return this.guests.show(link, browsersOf(request, this.config));
  }

  @Post('lookup')
  @Public()
  @RateLimit('strict')
  @HttpCode(200)
  @ApiOperation({ summary: 'Look up an instance, by somebody with a connect link' })
  @ApiOkResponse({ type: InstanceDto })
  @ApiProblems([400, 404, 413, 415, 429, 503], new ConnectLinkNotFound())
  async lookup(
    @Body() { link, instance }: GuestLookupDto,
    @Req() request: FastifyRequest,
  ): Promise<InstanceDto> {
    return this.guests.lookUp(link, instance, browsersOf(request, this.config));
  }

  @Post('begin')
  @Public()
  @RateLimit('strict')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Start connecting an account with a connect link',
    description:
      'Sets a cookie: from now on the link works in this browser alone. It may begin again until it has connected.',
  })
  @ApiOkResponse({ type: ConnectBegunDto })
  @ApiProblems([400, 404, 413, 415, 429, 503], new ConnectLinkNotFound())
  async begin(
    @Body() { link, instance }: GuestBeginDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConnectBegunDto> {
    const browsers = browsersOf(request, this.config);
    const { authorizationUrl, browser } = await this.guests.begin(link, instance ?? '', browsers);
    reply.header('Set-Cookie', connectCookie(browser, this.config, LINK_TTL_SECONDS));
    return { authorizationUrl };
  }

  @Post('finish')
  @Public()
  @RateLimit('strict')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Finish connecting an account with a connect link',
    description: 'Works once, with the cookie of the browser that began. It uses the link up if it succeeds.',
  })
  @ApiOkResponse({ type: GuestConnectedDto })
  @ApiProblems([400, 404, 409, 413, 415, 429, 503], new AttemptNotFound())
  async finish(
    @Body() { attempt }: GuestFinishDto,
    @Req() request: FastifyRequest,
  ): Promise<GuestConnectedDto> {
    return this.guests.finish(attempt, browsersOf(request, this.config));
  }
}
