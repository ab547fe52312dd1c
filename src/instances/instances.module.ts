import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AppConfig } from '../config/app-config.js';
import { AccountChecker } from './account-checker.js';
import { BlueskyChecker } from './bluesky/bluesky-checker.js';
import { BlueskyOAuth } from './bluesky/bluesky-oauth.js';
import { BlueskyServers } from './bluesky/bluesky-servers.js';
import { BlueskyController } from './bluesky/bluesky.controller.js';
import { BlueskyClientKey } from './bluesky/client-key.entity.js';
import { ClientKey } from './bluesky/client-key.js';
import { DpopNonces } from './bluesky/dpop-nonces.js';
import { HandleNames } from './bluesky/handle-names.js';
import { BlueskyProofs } from './bluesky/proofs.js';
import { GuardedHttp, type GuardedHttpOptions } from './guarded-http.js';
import { InstanceAppSecrets } from './instance-app-secrets.js';
import { InstanceApp } from './instance-app.entity.js';
import { InstanceApps } from './instance-apps.js';
import { InstanceTransport } from './instance-transport.js';
import { InstancesController } from './instances.controller.js';
import { InstancesService } from './instances.service.js';
import { MiAuth } from './miauth.js';
import { OAuthClient } from './oauth-client.js';

@Module({
  imports: [TypeOrmModule.forFeature([BlueskyClientKey, InstanceApp])],
  controllers: [InstancesController, BlueskyController],
  providers: [
    {
      provide: GuardedHttp,
      inject: [AppConfig],
      useFactory: (config: AppConfig) => new GuardedHttp(optionsOf(config)),
    },
    {
      provide: InstanceTransport,
      inject: [AppConfig],
      useFactory: (config: AppConfig) => new InstanceTransport(optionsOf(config)),
    },
    InstancesService,
    AccountChecker,
    BlueskyChecker,
    BlueskyOAuth,
    BlueskyProofs,
    BlueskyServers,
    ClientKey,
    DpopNonces,
    HandleNames,
    InstanceApps,
    InstanceAppSecrets,
    MiAuth,
    OAuthClient,
  ],
  exports: [
    InstancesService,
    AccountChecker,
    BlueskyOAuth,
    BlueskyProofs,
    GuardedHttp,
    InstanceTransport,
    InstanceApps,
    MiAuth,
    OAuthClient,
  ],
})
export class InstancesModule implements OnApplicationShutdown {
  constructor(private readonly transport: InstanceTransport) {}

  onApplicationShutdown(): void {
    this.transport.close();
  }
}

function optionsOf({ instanceHostAllowlist, instanceTimeoutMs, publicUrl }: AppConfig): GuardedHttpOptions {
  return {
    allowlist: instanceHostAllowlist,
    timeoutMs: instanceTimeoutMs,
    userAgent: `PlatformManager/0.1 (+${publicUrl})`,
  };
}
