import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit/audit-log.js';
import { AppConfig } from '../config/app-config.js';
import { type Letter, letterOf } from '../mail/letter.js';
import { type LinkKind, MailOutbox } from '../mail/mail-outbox.js';
import { UsersService } from '../users/users.service.js';
import { MailTokens } from './mail-tokens.js';

const RESET_MINUTES = 30;
const VERIFY_MINUTES = 24 * 60;

/** The letters about an account. Their tokens are made when they are sent. */
@Injectable()
export class AccountMails implements OnModuleInit {
  constructor(
    private readonly mails: MailOutbox,
    private readonly users: UsersService,
    private readonly tokens: MailTokens,
    private readonly audit: AuditLog,
    private readonly config: AppConfig,
  ) {}

  onModuleInit(): void {
    this.mails.register('password_reset', (email, manager) => this.passwordReset(email, manager));
    this.mails.register('verify_email', (email, manager) => this.emailVerification(email, manager));
  }

  private async passwordReset(email: string, manager: EntityManager): Promise<Letter | null> {
    const account = await this.users.localAccount(email, manager);
    if (account === null) return null;
    const { id: userId } = account;
    const link = await this.link(
      'password_reset',
      'reset-password',
      { userId, email },
      RESET_MINUTES,
      manager,
    );
    const record = { action: 'account.password_reset', actor: 'system', userId } as const;
    await this.audit.writeIn(manager, { ...record, outcome: 'mailed' });
    return letterOf({
      to: email,
      subject: 'Set a new password',
      before: [
        'Somebody asked to set a new password for your account at Platform Manager.',
        'This link works once, for 30 minutes. A new password ends all sessions.',
      ],
      link: { label: 'Set a new password', url: link },
      after: ['If it was not you, ignore this message: your password stays as it is.'],
    });
  }

  private async emailVerification(email: string, manager: EntityManager): Promise<Letter | null> {
    const account = await this.users.localAccount(email, manager);
    if (account === null || account.emailVerified) return null;
    const owner = { userId: account.id, email };
    return letterOf({
      to: email,
      subject: 'Confirm your e-mail address',
      before: [
        'An account at Platform Manager was made with this e-mail address.',
        'Confirm that it is yours. This link works once, for 24 hours.',
      ],
      link: {
        label: 'Confirm the address',
        url: await this.link('verify_email', 'verify-email', owner, VERIFY_MINUTES, manager),
      },
      after: ['If you have no account there, ignore this message.'],
    });
  }

  /** With the token in the fragment, which browsers send to nobody, so that no log has it. */
  private async link(
    kind: LinkKind,
    page: string,
    owner: { readonly userId: number; readonly email: string },
    lifeMinutes: number,
    manager: EntityManager,
  ): Promise<string> {
    const token = await this.tokens.issue(kind, owner, lifeMinutes, manager);
    return `${this.config.publicUrl}/console/${page}#${token}`;
  }
}
