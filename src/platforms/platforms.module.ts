import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CredentialsModule } from '../credentials/credentials.module.js';
import { InstancesModule } from '../instances/instances.module.js';
import { SnapshotsModule } from '../snapshots/snapshots.module.js';
import { BlueskyAccess } from './bluesky-access.js';
import { CheckHistory } from './check-history.js';
import { DisconnectService } from './disconnect.service.js';
import { LastUsed } from './last-used.js';
import { PlatformAttention } from './platform-attention.js';
import { PlatformCacheController } from './platform-cache.controller.js';
import { PlatformChecks } from './platform-checks.js';
import { PlatformExport } from './platform-export.js';
import { PlatformImport } from './platform-import.js';
import { PlatformSearch } from './platform-search.js';
import { PlatformSecrets } from './platform-secrets.js';
import { PlatformTestController } from './platform-test.controller.js';
import { PlatformWriter } from './platform-writer.js';
import { PlatformConnection } from './platform.entity.js';
import { PlatformRepository } from './platform.repository.js';
import { PlatformsController } from './platforms.controller.js';
import { PlatformsService } from './platforms.service.js';
import { RefreshLease } from './refresh-lease.js';
import { RegistrationSecrets } from './registration-secrets.js';
import { TestedAccounts } from './tested-accounts.js';
import { TokenRefresh } from './token-refresh.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([PlatformConnection]),
    CredentialsModule,
    InstancesModule,
    SnapshotsModule,
  ],
  // The cache controller first: its paths would otherwise be read as ids.
  controllers: [PlatformCacheController, PlatformsController, PlatformTestController],
  providers: [
    BlueskyAccess,
    CheckHistory,
    PlatformsService,
    PlatformWriter,
    PlatformRepository,
    PlatformAttention,
    PlatformChecks,
    PlatformSearch,
    DisconnectService,
    LastUsed,
    PlatformSecrets,
    PlatformImport,
    PlatformExport,
    RefreshLease,
    RegistrationSecrets,
    TestedAccounts,
    TokenRefresh,
  ],
  exports: [
    BlueskyAccess,
    DisconnectService,
    LastUsed,
    PlatformAttention,
    PlatformChecks,
    PlatformExport,
    PlatformRepository,
    PlatformSearch,
    PlatformsService,
    PlatformWriter,
    TokenRefresh,
  ],
})
export class PlatformsModule {}
