import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import { type Letter, letterOf } from '../mail/letter.js';
import { MailOutbox } from '../mail/mail-outbox.js';
import { EMAIL_CHANGE_HOURS } from './email-change.service.js';
import { MailTokens } from './mail-tokens.js';

interface Pending {
  readonly userId: number;
  readonly oldEmail: string;
  readonly newEmail: string;
}

/** The two letters about a change of address. Their tokens are made when they are sent. */
@Injectable()
export class EmailChangeMails implements OnModuleInit {
  constructor(
    private readonly mails: MailOutbox,
    private readonly tokens: MailTokens,
    private readonly config: AppConfig,
  ) {}

  onModuleInit(): void {
    this.mails.register('email_change_old', async (email, manager) => {
      const pending = await this.pending('u.email', email, manager);
      return pending && this.toOld(pending, manager);
    });
    this.mails.register('email_change_new', async (email, manager) => {
      const pending = await this.pending('c.new_email', email, manager);
      return pending && this.toNew(pending, manager);
    });
  }

  /** The newest, if several people want the same address. */
  private async pending(
    column: 'u.email' | 'c.new_email',
    email: string,
    manager: EntityManager,
  ): Promise<Pending | null> {
    const [pending] = await manager.query<Pending[]>(
      `SELECT u.id AS "userId", u.email AS "oldEmail", c.new_email AS "newEmail"
       FROM email_changes c JOIN users u ON u.id = c.user_id
       WHERE ${column} = $1 AND u.disabled_at IS NULL
         AND c.requested_at > now() - make_interval(hours => ${EMAIL_CHANGE_HOURS})
       ORDER BY c.requested_at DESC LIMIT 1 FOR UPDATE OF c`,
      [email],
    );
    return pending ?? null;
  }

  private async toOld({ userId, oldEmail, newEmail }: Pending, manager: EntityManager): Promise<Letter> {
    const token = await this.issue('email_change_old', userId, oldEmail, manager);
    return letterOf({
      to: oldEmail,
      subject: 'Change your e-mail address?',
      before: [
        `Somebody who is signed in to your account at Platform Manager wants to change its e-mail address to ${newEmail}.`,
        `Confirm it here and in the message to the new address, within ${EMAIL_CHANGE_HOURS} hours.`,
      ],
      link: { label: 'Confirm the change', url: this.url(token) },
      after: [
        'If it was not you, do not open the link. Change your password, and end the sessions that are not yours.',
      ],
    });
  }

  private async toNew({ userId, oldEmail, newEmail }: Pending, manager: EntityManager): Promise<Letter> {
    const token = await this.issue('email_change_new', userId, newEmail, manager);
    return letterOf({
      to: newEmail,
      subject: 'Confirm your new e-mail address',
      before: [
        `The account ${oldEmail} at Platform Manager wants to have this e-mail address.`,
        `Confirm it here and in the message to ${oldEmail}, within ${EMAIL_CHANGE_HOURS} hours.`,
      ],
      link: { label: 'Confirm the change', url: this.url(token) },
      after: ['If that account is not yours, ignore this message.'],
    });
  }

  private issue(
    kind: 'email_change_old' | 'email_change_new',
    userId: number,
    email: string,
    manager: EntityManager,
  ): Promise<string> {
    return this.tokens.issue(kind, { userId, email }, EMAIL_CHANGE_HOURS * 60, manager);
  }

  /** With the token in the fragment, which browsers send to nobody, so that no log has it. */
  private url(token: string): string {
    return `${this.config.publicUrl}/console/change-email#${token}`;
  }
}
