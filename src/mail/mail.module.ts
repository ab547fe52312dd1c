import { Module } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { FileTransport } from './file-transport.js';
import { MailFigures } from './mail-figures.js';
import { MailOutbox } from './mail-outbox.js';
import { MailSender } from './mail-sender.js';
import { MailTransport } from './mail-transport.js';
import { SmtpTransport } from './smtp-transport.js';

@Module({
  providers: [
    MailFigures,
    MailOutbox,
    MailSender,
    {
      provide: MailTransport,
      inject: [AppConfig],
      useFactory: ({ mail }: AppConfig): MailTransport | null => {
        if (mail === null) return null;
        const { target, from } = mail;
        return target.kind === 'smtp'
          ? new SmtpTransport(target, from)
          : new FileTransport(target.folder, from);
      },
    },
  ],
  exports: [MailFigures, MailOutbox],
})
export class MailModule {}
