import { Module } from '@nestjs/common';
import { InstancesModule } from '../instances/instances.module.js';
import { MailModule } from '../mail/mail.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { AdminWebhooksController } from './admin-webhooks.controller.js';
import { ExpiryNotices } from './expiry-notices.js';
import { InstanceOutages } from './instance-outages.js';
import { WebhookBacklog } from './webhook-backlog.js';
import { WebhookDeliveries } from './webhook-deliveries.service.js';
import { WebhookFeed } from './webhook-feed.js';
import { WebhookMails } from './webhook-mails.js';
import { WebhookMeter } from './webhook-meter.js';
import { WebhookQueue } from './webhook-queue.js';
import { WebhookRequest } from './webhook-request.js';
import { WebhookRetention } from './webhook-retention.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { WebhookSender } from './webhook-sender.js';
import { WebhookUrl } from './webhook-url.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksService } from './webhooks.service.js';

@Module({
  imports: [InstancesModule, MailModule, PlatformsModule],
  controllers: [WebhooksController, AdminWebhooksController],
  providers: [
    ExpiryNotices,
    InstanceOutages,
    WebhookBacklog,
    WebhookDeliveries,
    WebhookFeed,
    WebhookMails,
    WebhookMeter,
    WebhookQueue,
    WebhookRequest,
    WebhookRetention,
    WebhookSecrets,
    WebhookSender,
    WebhookUrl,
    WebhooksService,
  ],
  exports: [WebhookBacklog, WebhookMeter],
})
export class WebhooksModule {}
