import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import { MailOutbox } from '../mail/mail-outbox.js';
import { SessionWriter } from '../sessions/session-writer.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { UsersService } from '../users/users.service.js';
import { InvalidLink, LocalAccountsDisabled } from './auth.errors.js';
import { MailTokens } from './mail-tokens.js';
import { assertHardToGuess } from './password-strength.js';
import { Passwords } from './passwords.js';
import { SignInDelays } from './sign-in-delays.js';

/** For people who have forgotten their password. */
@Injectable()
export class PasswordResetService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly passwords: Passwords,
    private readonly tokens: MailTokens,
    private readonly mails: MailOutbox,
    private readonly delays: SignInDelays,
    private readonly sessionWriter: SessionWriter,
    private readonly sessions: SessionsService,
    private readonly audit: AuditLog,
    private readonly config: AppConfig,
  ) {}

  /**
   * Whether there is such an account is looked up when the message is sent, so neither the answer nor its time tells.
   *
   * @throws {LocalAccountsDisabled | MailNotConfigured}
   */
  async request(email: string): Promise<void> {
    this.assertPossible();
    await this.database.transaction((manager) => this.mails.addIn(manager, 'password_reset', email));
  }

  /**
   * Ends all sessions. Hashes the password outside the transaction, so no database connection is held that long.
   *
   * @param address of the client.
   * @throws {InvalidLink | InvalidField | LocalAccountsDisabled | MailNotConfigured}
   */
  async reset(token: string, next: string, address: string): Promise<void> {
    this.assertPossible();
    const owner = await this.tokens.find('password_reset', token);
    if (owner === null) throw new InvalidLink();
    // A password that is refused leaves the link good.
    await assertHardToGuess(next, owner.email, '/newPassword');
    const passwordHash = await this.passwords.hash(next);
    const ended = await this.database.transaction(async (manager) => {
      const taken = await this.tokens.take('password_reset', token, manager);
      if (taken === null) throw new InvalidLink();
      const { userId, email } = taken;
      // The link came by mail, so its holder reads the mail for this address.
      if (!(await this.users.verifyEmail(userId, email, manager))) throw new InvalidLink();
      await this.users.setPassword(userId, passwordHash, manager);
      await this.delays.succeeded(email, address, manager);
      const all = await this.sessionWriter.endAll(userId, manager);
      const record = { action: 'account.password_reset', actor: 'user', userId } as const;
      await this.audit.writeIn(manager, { ...record, outcome: 'changed' });
      return all;
    });
    // Its outcome does not matter to the caller: the password is changed, and the outbox goes on.
    await this.sessions.confirmEnd(ended);
  }

  private assertPossible(): void {
    if (!this.config.localAccountsEnabled) throw new LocalAccountsDisabled();
    this.mails.assertEnabled();
  }
}
