import { Module } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { MailFigures } from './mail-figures.js';
import { MailOutbox } from './mail-outbox.js';
import { MailSender } from './mail-sender.js';
import { MailTransport } from './mail-transport.js';

@Module({
  providers: [
    MailFigures,
    MailOutbox,
    MailSender,
    {
      provide: MailTransport,
      inject: [AppConfig],
      useFactory: async ({ mail }: AppConfig): Promise<MailTransport | null> => {
        if (mail === null) return null;
        const { target, from } = mail;
        if (target.kind === 'smtp') {
          const { SmtpTransport } = await import('./smtp-transport.js');
          return new SmtpTransport(target, from);
        }
        const { FileTransport } = await import('./file-transport.js');
        return new FileTransport(target.folder, from);
      },
    },
  ],
  exports: [MailFigures, MailOutbox],
})
export class MailModule {}
