import { Controller } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { webhookRoutes } from './webhook-routes.js';

const ROOT = 'v1/webhooks';

/** For sessions only: a key that could make webhooks would go on hearing after its revocation. */
@ApiTags('webhooks')
@Controller(ROOT)
export class WebhooksController extends webhookRoutes({
  root: ROOT,
  access: 'session',
  whose: 'your webhooks',
  ownerOf: ({ id }) => ({ userId: id, actorId: id }),
}) {}
