import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import { type Letter, letterOf } from '../mail/letter.js';
import { type MailItem, MailOutbox } from '../mail/mail-outbox.js';
import { InvitationsService, type NewInvitation } from '../users/invitations.service.js';

/** Invitations, and the letters that bring them. */
@Injectable()
export class InvitationMails implements OnModuleInit {
  constructor(
    private readonly invitations: InvitationsService,
    private readonly mails: MailOutbox,
    private readonly config: AppConfig,
  ) {}

  onModuleInit(): void {
    this.mails.register('invitation', (email, manager, [about]) => this.letter(email, about, manager));
  }

  /**
   * With an address, the link is sent to it, if this server sends mail.
   *
   * @throws {TooManyInvitations}
   */
  create(email: string | null, days: number): Promise<NewInvitation> {
    return this.invitations.create(email, days, async (manager, { id, email: recipient }) =>
      recipient === null || !this.mails.enabled
        ? false
        : this.mails.addIn(manager, 'invitation', recipient, { id }),
    );
  }

  private async letter(
    to: string,
    about: MailItem | undefined,
    manager: EntityManager,
  ): Promise<Letter | null> {
    const token = await this.invitations.tokenForMail(Number(about?.id), to, manager);
    if (token === null) return null;
    return letterOf({
      to,
      subject: 'You are invited',
      before: [
        'An administrator invites you to Platform Manager, which keeps the connections of your Fediverse accounts.',
        'With this link you create an account with this e-mail address. It works once.',
      ],
      // In the fragment, which browsers send to nobody, so that no log has it.
      link: { label: 'Create an account', url: `${this.config.publicUrl}/console/register#${token}` },
      after: ['If you do not know what this is about, ignore this message.'],
    });
  }
}
