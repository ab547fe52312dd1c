import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { RateLimitModule } from '../rate-limit/rate-limit.module.js';
import { AsyncApiController } from './asyncapi.controller.js';
import { EventClients } from './event-clients.js';
import { EventFeed } from './event-feed.js';
import { EventViews } from './event-views.js';
import { EventsController } from './events.controller.js';
import { EventsGateway } from './events.gateway.js';

@Module({
  imports: [AuthModule, PlatformsModule, RateLimitModule],
  controllers: [AsyncApiController, EventsController],
  providers: [EventClients, EventFeed, EventViews, EventsGateway],
})
export class EventsModule {}
