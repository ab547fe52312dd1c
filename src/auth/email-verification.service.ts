import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import { Database } from '../database/database.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { MailOutbox } from '../mail/mail-outbox.js';
import { UsersService } from '../users/users.service.js';
import { InvalidLink } from './auth.errors.js';
import { MailTokens } from './mail-tokens.js';

/** Whether the person of an account reads the mail for its address. */
@Injectable()
export class EmailVerificationService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly tokens: MailTokens,
    private readonly mails: MailOutbox,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Sends the link again; nothing if the address has been verified.
   *
   * @throws {MailNotConfigured}
   */
  async request(userId: number): Promise<void> {
    this.mails.assertEnabled();
    const account = await this.users.findById(userId);
    if (account === null) throw new InvalidAccessToken();
    await this.database.transaction((manager) => this.mails.addIn(manager, 'verify_email', account.email));
  }

  /** @throws {InvalidLink | MailNotConfigured} */
  async verify(token: string): Promise<void> {
    this.mails.assertEnabled();
    await this.database.transaction(async (manager) => {
      const taken = await this.tokens.take('verify_email', token, manager);
      if (taken === null || !(await this.users.verifyEmail(taken.userId, taken.email, manager)))
        throw new InvalidLink();
      const record = { action: 'account.verify_email', actor: 'user', userId: taken.userId } as const;
      await this.audit.writeIn(manager, { ...record, outcome: 'done' });
    });
  }
}
