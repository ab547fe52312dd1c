import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CredentialsModule } from '../credentials/credentials.module.js';
import { InstancesModule } from '../instances/instances.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { BlueskyConsent } from './bluesky-consent.js';
import { ConnectAttempt } from './connect-attempt.entity.js';
import { ConnectAttempts } from './connect-attempts.js';
import { ConnectController } from './connect.controller.js';
import { ConnectService } from './connect.service.js';
import { ConnectedAccounts } from './connected-accounts.js';
import { MiAuthConsent } from './miauth-consent.js';
import { OAuthConsent } from './oauth-consent.js';

@Module({
  imports: [TypeOrmModule.forFeature([ConnectAttempt]), CredentialsModule, InstancesModule, PlatformsModule],
  controllers: [ConnectController],
  providers: [
    ConnectService,
    ConnectAttempts,
    ConnectedAccounts,
    BlueskyConsent,
    MiAuthConsent,
    OAuthConsent,
  ],
})
export class ConnectModule {}
