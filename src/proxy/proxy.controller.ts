import { Controller, Delete, Get, Head, Param, Patch, Post, Put, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { IdPipe } from '../http/id.pipe.js';
import { Proxied, ProxiedBody } from './proxied.decorator.js';
import { ProxyService } from './proxy.service.js';

const PATH = ':id/proxy/*';

/** One handler a method, so that each has its own operation in the document. */
@ApiTags('proxy')
@Controller('v1/platforms')
export class ProxyController {
  constructor(private readonly proxy: ProxyService) {}

  // Before GET, which would answer HEAD too, but without a place in the document.
  @Head(PATH)
  @Proxied('Ask the instance for the headers alone')
  head(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.proxy.forward(user, id, request, reply);
  }

  @Get(PATH)
  @Proxied('Read something at the instance of a connection, with its credential')
  get(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.proxy.forward(user, id, request, reply);
  }

  @Post(PATH)
  @Proxied('Send a POST request to the instance')
  @ProxiedBody()
  post(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.proxy.forward(user, id, request, reply);
  }

  @Put(PATH)
  @Proxied('Send a PUT request to the instance')
  @ProxiedBody()
  put(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.proxy.forward(user, id, request, reply);
  }

  @Patch(PATH)
  @Proxied('Send a PATCH request to the instance')
  @ProxiedBody()
  patch(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.proxy.forward(user, id, request, reply);
  }

  @Delete(PATH)
  @Proxied('Send a DELETE request to the instance')
  @ProxiedBody()
  delete(
    @CurrentUser() user: AuthUser,
    @Param('id', IdPipe) id: number,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.proxy.forward(user, id, request, reply);
  }
}
