import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccountDeletion } from './account-deletion.js';
import { AccountExport } from './account-export.js';
import { AccountController } from './account.controller.js';
import { ExportedSecrets } from './exported-secrets.js';

@Module({
  imports: [AuthModule, PlatformsModule, UsersModule],
  controllers: [AccountController],
  providers: [AccountDeletion, AccountExport, ExportedSecrets],
})
export class AccountModule {}
