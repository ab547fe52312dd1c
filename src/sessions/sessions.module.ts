import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RefreshToken } from './refresh-token.entity.js';
import { SessionVerifier } from './session-verifier.js';
import { SessionWriter } from './session-writer.js';
import { Session } from './session.entity.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Session, RefreshToken])],
  controllers: [SessionsController],
  providers: [SessionsService, SessionVerifier, SessionWriter],
  exports: [SessionsService, SessionVerifier, SessionWriter],
})
export class SessionsModule {}
