import { Module } from '@nestjs/common';
import { MailModule } from '../mail/mail.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { WatchModule } from '../watch/watch.module.js';
import { AdminAuditController } from './admin-audit.controller.js';
import { AdminCacheController } from './admin-cache.controller.js';
import { AdminPlatformsController } from './admin-platforms.controller.js';
import { AdminSystemController } from './admin-system.controller.js';
import { AdminUsersController } from './admin-users.controller.js';
import { InvitationMails } from './invitation-mails.js';
import { InvitationsController } from './invitations.controller.js';
import { SystemFigures } from './system-figures.js';
import { UserAdministration } from './user-administration.js';
import { WarmUpRunner } from './warm-up-runner.js';
import { WarmUpController } from './warm-up.controller.js';
import { WarmUpService } from './warm-up.service.js';

@Module({
  imports: [MailModule, PlatformsModule, SessionsModule, UsersModule, WatchModule],
  controllers: [
    AdminPlatformsController,
    AdminUsersController,
    InvitationsController,
    AdminCacheController,
    AdminAuditController,
    AdminSystemController,
    WarmUpController,
  ],
  providers: [InvitationMails, SystemFigures, WarmUpService, WarmUpRunner, UserAdministration],
})
export class AdminModule {}
