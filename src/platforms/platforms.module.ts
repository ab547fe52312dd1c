import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CredentialsModule } from '../credentials/credentials.module.js';
import { InstancesModule } from '../instances/instances.module.js';
import { ConnectAttempt } from './connect-attempt.entity.js';
import { ConnectAttempts } from './connect-attempts.js';
import { ConnectController } from './connect.controller.js';
import { ConnectService } from './connect.service.js';
import { ConnectedAccounts } from './connected-accounts.js';
import { AdminCacheController } from './admin-cache.controller.js';
import { AdminPlatformsController } from './admin-platforms.controller.js';
import { AdminPlatforms } from './admin-platforms.service.js';
import { AvatarController } from './avatar.controller.js';
import { Avatars } from './avatars.service.js';
import { DisconnectService } from './disconnect.service.js';
import { CredentialsController } from './credentials.controller.js';
import { LastUsed } from './last-used.js';
import { PlatformCacheController } from './platform-cache.controller.js';
import { PlatformChecks } from './platform-checks.js';
import { PlatformReplies } from './platform-replies.js';
import { PlatformRows } from './platform-rows.js';
import { PlatformTestController } from './platform-test.controller.js';
import { PlatformSecrets } from './platform-secrets.js';
import { PlatformWriter } from './platform-writer.js';
import { PlatformConnection } from './platform.entity.js';
import { PlatformsController } from './platforms.controller.js';
import { PlatformsService } from './platforms.service.js';
import { RevealService } from './reveal.service.js';
import { AccountSnapshot } from './account-snapshot.entity.js';
import { AccountSnapshots } from './account-snapshots.js';
import { InstanceWatch } from './instance-watch.entity.js';
import { PlatformWatch } from './platform-watch.entity.js';
import { TokenRefresh } from './token-refresh.js';
import { WatchForecast } from './watch-forecast.js';
import { WatchSchedule } from './watch-schedule.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([
      PlatformConnection,
      ConnectAttempt,
      PlatformWatch,
      InstanceWatch,
      AccountSnapshot,
    ]),
    InstancesModule,
    CredentialsModule,
  ],
  // The cache controller first: its paths would otherwise be read as ids.
  controllers: [
    PlatformCacheController,
    PlatformsController,
    AdminPlatformsController,
    AdminCacheController,
    PlatformTestController,
    AvatarController,
    ConnectController,
    CredentialsController,
  ],
  providers: [
    PlatformsService,
    PlatformReplies,
    PlatformWriter,
    PlatformRows,
    PlatformChecks,
    Avatars,
    ConnectService,
    ConnectAttempts,
    ConnectedAccounts,
    DisconnectService,
    RevealService,
    LastUsed,
    PlatformSecrets,
    AdminPlatforms,
    AccountSnapshots,
    TokenRefresh,
    WatchSchedule,
    WatchForecast,
  ],
  exports: [
    PlatformReplies,
    PlatformsService,
    PlatformChecks,
    AccountSnapshots,
    TokenRefresh,
    WatchSchedule,
    WatchForecast,
  ],
})
export class PlatformsModule {}
