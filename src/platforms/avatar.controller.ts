import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiProblems } from '../common/api-problems.decorator.js';
import { Authenticated } from '../common/auth/access.js';
import type { AuthUser } from '../common/auth/auth-user.js';
import { CurrentUser } from '../common/auth/current-user.decorator.js';
import { ApiIdParam, IdPipe } from '../common/id.pipe.js';
import { RateLimit } from '../common/rate-limit.decorator.js';
import { PICTURE_TYPES } from '../instances/pictures.js';
import { Avatars } from './avatars.service.js';
import { NoAvatar } from './platforms.errors.js';

const { code, title, message } = new NoAvatar();

@ApiTags('platforms')
@Controller('v1/platforms/:id/avatar')
export class AvatarController {
  constructor(private readonly avatars: Avatars) {}

  @Get()
  @RateLimit('avatar')
  @ApiIdParam()
  @Authenticated('platforms:read')
  @ApiOperation({
    summary: 'The picture of the account',
    description:
      'Fetched by this server, so that the instance does not learn who looks at it. On 404 `code` says why: ' +
      '`platform_not_found`, or `no_avatar` when there is none or it cannot be had.',
  })
  @ApiOkResponse({
    content: Object.fromEntries(
      PICTURE_TYPES.map((type) => [type, { schema: { type: 'string', format: 'binary' } }]),
    ),
    headers: {
      'Cache-Control': { schema: { type: 'string', example: 'private, max-age=3600' } },
    },
  })
  @ApiProblems([400, 404, 503], { 404: [code, title, message] })
  async get(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Buffer> {
    const { type, bytes } = await this.avatars.of(user.id, id);
    reply.headers({
      'Content-Type': type,
      // Whoever opens it by itself gets an image, or nothing, whatever the bytes behind the first ones are.
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'private, max-age=3600',
    });
    return bytes;
  }
}
