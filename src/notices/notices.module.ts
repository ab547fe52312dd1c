import { Module } from '@nestjs/common';
import { MailModule } from '../mail/mail.module.js';
import { FirstReveals } from './first-reveals.js';
import { NoticeLetters } from './notice-letters.js';
import { NoticesController } from './notices.controller.js';
import { NoticesService } from './notices.service.js';

@Module({
  imports: [MailModule],
  controllers: [NoticesController],
  providers: [FirstReveals, NoticeLetters, NoticesService],
  exports: [FirstReveals, NoticesService],
})
export class NoticesModule {}
