import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CredentialsModule } from '../credentials/credentials.module.js';
import { InstancesModule } from '../instances/instances.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { BlueskyConsent } from './bluesky-consent.js';
import { ConnectAttempt } from './connect-attempt.entity.js';
import { ConnectAttempts } from './connect-attempts.js';
import { ConnectLink } from './connect-link.entity.js';
import { ConnectLinksController } from './connect-links.controller.js';
import { ConnectLinks } from './connect-links.js';
import { ConnectController } from './connect.controller.js';
import { ConnectService } from './connect.service.js';
import { ConnectedAccounts } from './connected-accounts.js';
import { GuestConnectController } from './guest-connect.controller.js';
import { GuestConnectService } from './guest-connect.service.js';
import { MiAuthConsent } from './miauth-consent.js';
import { OAuthConsent } from './oauth-consent.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([ConnectAttempt, ConnectLink]),
    CredentialsModule,
    InstancesModule,
    PlatformsModule,
  ],
  controllers: [ConnectController, ConnectLinksController, GuestConnectController],
  providers: [
    ConnectService,
    ConnectAttempts,
    ConnectLinks,
    GuestConnectService,
    ConnectedAccounts,
    BlueskyConsent,
    MiAuthConsent,
    OAuthConsent,
  ],
})
export class ConnectModule {}
