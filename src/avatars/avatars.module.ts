import { Module } from '@nestjs/common';
import { InstancesModule } from '../instances/instances.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { AvatarController } from './avatar.controller.js';
import { AvatarsService } from './avatars.service.js';
import { Pictures } from './pictures.js';

@Module({
  imports: [InstancesModule, PlatformsModule],
  controllers: [AvatarController],
  providers: [AvatarsService, Pictures],
})
export class AvatarsModule {}
