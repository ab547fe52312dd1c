import { Module } from '@nestjs/common';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { AdminAuditController } from './admin-audit.controller.js';
import { AdminCacheController } from './admin-cache.controller.js';
import { AdminPlatformsController } from './admin-platforms.controller.js';
import { AdminUsersController } from './admin-users.controller.js';
import { InvitationsController } from './invitations.controller.js';
import { UserAdministration } from './user-administration.js';
import { WarmUpRunner } from './warm-up-runner.js';
import { WarmUpController } from './warm-up.controller.js';
import { WarmUpService } from './warm-up.service.js';

@Module({
  imports: [PlatformsModule, SessionsModule, UsersModule],
  controllers: [
    AdminPlatformsController,
    AdminUsersController,
    InvitationsController,
    AdminCacheController,
    AdminAuditController,
    WarmUpController,
  ],
  providers: [WarmUpService, WarmUpRunner, UserAdministration],
})
export class AdminModule {}
