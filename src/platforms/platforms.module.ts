import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CredentialsModule } from '../credentials/credentials.module.js';
import { InstancesModule } from '../instances/instances.module.js';
import { SnapshotsModule } from '../snapshots/snapshots.module.js';
import { CheckHistory } from './checks/check-history.js';
import { PlatformAttention } from './checks/platform-attention.js';
import { PlatformChecks } from './checks/platform-checks.js';
import { PlatformTestController } from './checks/platform-test.controller.js';
import { TestedAccounts } from './checks/tested-accounts.js';
import { DisconnectService } from './disconnect.service.js';
import { LastUsed } from './last-used.js';
import { PlatformCacheController } from './platform-cache.controller.js';
import { PlatformSearch } from './platform-search.js';
import { PlatformSecrets } from './platform-secrets.js';
import { PlatformWriter } from './platform-writer.js';
import { PlatformConnection } from './platform.entity.js';
import { PlatformRepository } from './platform.repository.js';
import { PlatformsController } from './platforms.controller.js';
import { PlatformsService } from './platforms.service.js';
import { RegistrationSecrets } from './registration-secrets.js';
import { BlueskyAccess } from './renewal/bluesky-access.js';
import { RefreshLease } from './renewal/refresh-lease.js';
import { TokenRefresh } from './renewal/token-refresh.js';
import { PlatformExport } from './transfer/platform-export.js';
import { PlatformImport } from './transfer/platform-import.js';

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
