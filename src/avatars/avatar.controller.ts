import { Controller, Get, Headers, Param, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiIfNoneMatch } from '../http/api-headers.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { namesTag } from '../http/if-none-match.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { NoAvatar } from '../platforms/platforms.errors.js';
import { AvatarsService } from './avatars.service.js';
import { PICTURE_TYPES } from './pictures.js';

@ApiTags('platforms')
@Controller('v1/platforms/:id/avatar')
export class AvatarController {
  constructor(private readonly avatars: AvatarsService) {}

  @Get()
  @RateLimit('avatar')
  @ApiIdParam()
  @Authenticated('platforms:read')
  @ApiOperation({
    summary: "Get the account's avatar",
    description:
      'The server fetches the picture itself, so the instance does not learn who views it. On 404, `code` gives the ' +
      'reason: `platform_not_found`, or `no_avatar` if the account has no picture or it cannot be fetched.',
  })
  @ApiOkResponse({
    content: Object.fromEntries(
      PICTURE_TYPES.map((type) => [type, { schema: { type: 'string', format: 'binary' } }]),
    ),
    headers: {
      'Cache-Control': { schema: { type: 'string', example: 'private, no-cache' } },
      ETag: { description: 'Entity tag of the picture, for If-None-Match', schema: { type: 'string' } },
    },
  })
  @ApiIfNoneMatch()
  @ApiResponse({ status: 304, description: 'If-None-Match matches the current picture' })
  @ApiProblems([400, 404, 503], new NoAvatar())
  async get(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('if-none-match') ifNoneMatch?: string,
  ): Promise<Buffer | undefined> {
    const { type, bytes, etag } = await this.avatars.of(user.id, id);
    reply.headers({
      // Only the first bytes are checked. If a browser opens the URL directly, these two headers make it show an image or
      // nothing.
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'X-Content-Type-Options': 'nosniff',
      // The browser may store it but must revalidate: the connection's account, or the signed-in user, may have changed.
      'Cache-Control': 'private, no-cache',
      ETag: etag,
    });
    if (namesTag(ifNoneMatch, etag)) {
      reply.code(304);
      return undefined;
    }
    reply.header('Content-Type', type);
    return bytes;
  }
}
