import { Module } from '@nestjs/common';
import { CredentialsModule } from '../credentials/credentials.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { CredentialsController } from './credentials.controller.js';
import { RevealService } from './reveal.service.js';

@Module({
  imports: [CredentialsModule, PlatformsModule],
  controllers: [CredentialsController],
  providers: [RevealService],
})
export class RevealModule {}
