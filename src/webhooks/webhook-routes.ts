import {
  Body,
  Delete,
  Get,
  Header,
  HttpCode,
  Injectable,
  Param,
  Patch,
  Post,
  Query,
  Res,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AppConfig } from '../config/app-config.js';
import { LINK_HEADER } from '../http/api-headers.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CurrentUser } from '../http/auth/current-user.decorator.js';
import { RecentSignIn } from '../http/auth/recent-sign-in.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { nextLink } from '../http/page-cursor.js';
import { queryPipe } from '../http/query.pipe.js';
import { ApiDeliveryIdParam, DeliveryIdPipe } from './delivery-id.pipe.js';
import {
  ApiDeliveriesQuery,
  DeliveriesQuery,
  DeliveryDto,
  ReplayDto,
  ReplayedDto,
} from './dto/delivery.dto.js';
import {
  CreateWebhookDto,
  CreatedWebhookDto,
  UpdateWebhookDto,
  WebhookDto,
  WebhookSecretDto,
} from './dto/webhook.dto.js';
import { WebhookDeliveries } from './webhook-deliveries.service.js';
import { DeliveryNotFound, EventsForgotten, TooManyWebhooks, WebhookNotFound } from './webhooks.errors.js';
import { MAX_WEBHOOKS, type WebhookOwner, WebhooksService } from './webhooks.service.js';

/** What differs between a user's own webhooks and those of the installation. */
interface WebhookRoutes {
  readonly root: string;
  readonly access: 'session' | 'admin';
  /** As a summary names them. */
  readonly whose: string;
  readonly ownerOf: (user: AuthUser) => WebhookOwner;
}

/** The base of the two controllers: the same routes at two places. */
export function webhookRoutes({ root, access, whose, ownerOf }: WebhookRoutes) {
  @Injectable()
  class Routes {
    constructor(
      readonly webhooks: WebhooksService,
      readonly deliveries: WebhookDeliveries,
      readonly config: AppConfig,
    ) {}

    @Get()
    @Authenticated(access)
    @ApiOperation({ summary: `List ${whose}` })
    @ApiOkResponse({ type: WebhookDto, isArray: true })
    @ApiProblems([503])
    async list(@CurrentUser() user: AuthUser): Promise<WebhookDto[]> {
      return this.webhooks.list(ownerOf(user));
    }

    @Post()
    @Header('Cache-Control', 'no-store')
    @Authenticated(access)
    @RecentSignIn()
    @ApiOperation({
      summary: 'Have events sent to an address',
      description:
        'Each event is sent as a POST that is signed by the Standard Webhooks specification, at least once and in order for ' +
        'each platform connection. The secret is shown only once. Needs a recent sign-in: see `POST /v1/auth/confirm`.',
    })
    @ApiCreatedResponse({ type: CreatedWebhookDto })
    @ApiProblems([400, 409, 413, 415, 503], new TooManyWebhooks(MAX_WEBHOOKS))
    async create(
      @CurrentUser() user: AuthUser,
      @Body() { url, events, labels = {} }: CreateWebhookDto,
    ): Promise<CreatedWebhookDto> {
      return this.webhooks.create(ownerOf(user), { url, events, labels });
    }

    @Get(':id')
    @ApiIdParam()
    @Authenticated(access)
    @ApiOperation({ summary: `One of ${whose}` })
    @ApiOkResponse({ type: WebhookDto })
    @ApiProblems([400, 404, 503], new WebhookNotFound())
    async get(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<WebhookDto> {
      return this.webhooks.get(ownerOf(user), id);
    }

    @Patch(':id')
    @ApiIdParam()
    @Authenticated(access)
    @RecentSignIn()
    @ApiOperation({ summary: 'Change, pause or resume a webhook' })
    @ApiOkResponse({ type: WebhookDto })
    @ApiProblems([400, 404, 413, 415, 503], new WebhookNotFound())
    async update(
      @CurrentUser() user: AuthUser,
      @Param('id', IdPipe) id: number,
      @Body() changes: UpdateWebhookDto,
    ): Promise<WebhookDto> {
      return this.webhooks.update(ownerOf(user), id, changes);
    }

    @Delete(':id')
    @ApiIdParam()
    @HttpCode(204)
    @Authenticated(access)
    @ApiOperation({ summary: 'Delete a webhook, with what waits for it' })
    @ApiNoContentResponse()
    @ApiProblems([400, 404, 413, 415, 503], new WebhookNotFound())
    async delete(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<void> {
      await this.webhooks.delete(ownerOf(user), id);
    }

    @Post(':id/secret')
    @ApiIdParam()
    @HttpCode(200)
    @Header('Cache-Control', 'no-store')
    @Authenticated(access)
    @RecentSignIn()
    @ApiOperation({
      summary: 'Make a new secret',
      description: 'For 24 hours each message has a signature by the new and one by the previous secret.',
    })
    @ApiOkResponse({ type: WebhookSecretDto })
    @ApiProblems([400, 404, 413, 415, 503], new WebhookNotFound())
    async rotate(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<WebhookSecretDto> {
      return this.webhooks.rotate(ownerOf(user), id);
    }

    @Post(':id/test')
    @ApiIdParam()
    @HttpCode(202)
    @Authenticated(access)
    @ApiOperation({ summary: 'Send a test message, which waits while the webhook is paused' })
    @ApiAcceptedResponse({ type: DeliveryDto })
    @ApiProblems([400, 404, 413, 415, 503], new WebhookNotFound())
    async test(@CurrentUser() user: AuthUser, @Param('id', IdPipe) id: number): Promise<DeliveryDto> {
      return this.deliveries.test(ownerOf(user), id);
    }

    @Get(':id/deliveries')
    @ApiIdParam()
    @Authenticated(access)
    @ApiOperation({ summary: 'What was sent and what waits, the newest first; kept for 7 days' })
    @ApiDeliveriesQuery()
    @ApiOkResponse({ type: DeliveryDto, isArray: true, headers: LINK_HEADER })
    @ApiProblems([400, 404, 503], new WebhookNotFound())
    async listDeliveries(
      @CurrentUser() user: AuthUser,
      @Param('id', IdPipe) id: number,
      @Query(queryPipe(DeliveriesQuery)) query: Readonly<DeliveriesQuery>,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<readonly DeliveryDto[]> {
      const { items, next } = await this.deliveries.list(ownerOf(user), id, query);
      const path = `${this.config.basePath}/${root}/${id}/deliveries`;
      if (next !== null) reply.header('Link', nextLink(path, query, next));
      return items;
    }

    @Post(':id/deliveries/:deliveryId/resend')
    @ApiIdParam()
    @ApiDeliveryIdParam()
    @HttpCode(202)
    @Authenticated(access)
    @ApiOperation({ summary: 'Send a message once more, behind what waits for the same connection' })
    @ApiAcceptedResponse({ type: DeliveryDto })
    @ApiProblems([400, 404, 413, 415, 503], new DeliveryNotFound())
    async resend(
      @CurrentUser() user: AuthUser,
      @Param('id', IdPipe) id: number,
      @Param('deliveryId', DeliveryIdPipe) deliveryId: number,
    ): Promise<DeliveryDto> {
      return this.deliveries.resend(ownerOf(user), id, deliveryId);
    }

    @Post(':id/replay')
    @ApiIdParam()
    @HttpCode(202)
    @Authenticated(access)
    @ApiOperation({ summary: 'Send all events from a number on once more' })
    @ApiAcceptedResponse({ type: ReplayedDto })
    @ApiProblems([400, 404, 409, 413, 415, 503], new WebhookNotFound(), new EventsForgotten())
    async replay(
      @CurrentUser() user: AuthUser,
      @Param('id', IdPipe) id: number,
      @Body() { fromEventId }: ReplayDto,
    ): Promise<ReplayedDto> {
      return this.deliveries.replay(ownerOf(user), id, fromEventId);
    }
  }
  return Routes;
}
