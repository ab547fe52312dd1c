import { Module } from '@nestjs/common';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { AdminAuditController } from './admin-audit.controller.js';
import { AdminCacheController } from './admin-cache.controller.js';
import { AdminPlatformsController } from './admin-platforms.controller.js';
import { WarmUpRunner } from './warm-up-runner.js';
import { WarmUpController } from './warm-up.controller.js';
import { WarmUpService } from './warm-up.service.js';

@Module({
  imports: [PlatformsModule],
  controllers: [AdminPlatformsController, AdminCacheController, AdminAuditController, WarmUpController],
  providers: [WarmUpService, WarmUpRunner],
})
export class AdminModule {}
