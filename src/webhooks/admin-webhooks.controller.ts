import { Controller } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { webhookRoutes } from './webhook-routes.js';

const ROOT = 'v1/admin/webhooks';

/** They hear of the connections of all users. Any administrator manages them. */
@ApiTags('admin')
@Controller(ROOT)
export class AdminWebhooksController extends webhookRoutes({
  root: ROOT,
  access: 'admin',
  whose: 'the webhooks of the installation',
  ownerOf: ({ id }) => ({ userId: null, actorId: id }),
}) {}
