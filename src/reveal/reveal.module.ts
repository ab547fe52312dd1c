import { Module } from '@nestjs/common';
import { CredentialsModule } from '../credentials/credentials.module.js';
import { NoticesModule } from '../notices/notices.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { CredentialsController } from './credentials.controller.js';
import { RevealService } from './reveal.service.js';

@Module({
  imports: [CredentialsModule, NoticesModule, PlatformsModule],
  controllers: [CredentialsController],
  providers: [RevealService],
})
export class RevealModule {}
