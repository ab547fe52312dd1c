import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit/audit-log.js';
import { Database } from '../database/database.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { MailOutbox } from '../mail/mail-outbox.js';
import { EmailTaken } from '../users/users.errors.js';
import { UsersService } from '../users/users.service.js';
import { InvalidLink, LocalAccountsDisabled } from './auth.errors.js';
import { MailTokens } from './mail-tokens.js';
import { OwnPassword } from './own-password.js';

/** In which both addresses must be confirmed. */
export const EMAIL_CHANGE_HOURS = 24;

/** Either side of a change: the address until now, and the one that it becomes. */
const SIDES = ['old', 'new'] as const;

/** A change of address counts once it has been confirmed at both. */
@Injectable()
export class EmailChangeService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly ownPassword: OwnPassword,
    private readonly tokens: MailTokens,
    private readonly mails: MailOutbox,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Sends a link to each address. The links of a change that was asked for before are void.
   *
   * @param next trimmed and lower-case.
   * @throws {MailNotConfigured | LocalAccountsDisabled | EmailTaken}
   */
  async request(caller: AuthUser, next: string): Promise<void> {
    this.mails.assertEnabled();
    const { id, email, passwordHash } = await this.ownPassword.accountOf(caller);
    // The address of somebody else comes from the OpenID provider.
    if (passwordHash === null) throw new LocalAccountsDisabled();
    if ((await this.users.findByEmail(next)) !== null) throw new EmailTaken();
    await this.database.transaction(async (manager) => {
      await manager.query(
        `INSERT INTO email_changes (user_id, new_email) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE
         SET new_email = $2, old_confirmed = false, new_confirmed = false, requested_at = now()`,
        [id, next],
      );
      // After the row is locked: a letter that is being written issues its token before, or finds the new address.
      await this.tokens.withdraw(['email_change_old', 'email_change_new'], id, manager);
      await this.mails.addIn(manager, 'email_change_old', email);
      await this.mails.addIn(manager, 'email_change_new', next);
      await this.audit.writeIn(manager, { action: 'account.email', outcome: 'requested', userId: id });
    });
  }

  /**
   * Confirms one of the addresses.
   *
   * @returns whether the other one was confirmed before, so that the address is changed.
   * @throws {InvalidLink | EmailTaken | MailNotConfigured}
   */
  confirm(token: string): Promise<boolean> {
    this.mails.assertEnabled();
    return this.database.transaction(async (manager) => {
      for (const side of SIDES) {
        const taken = await this.tokens.take(`email_change_${side}`, token, manager);
        if (taken !== null) return this.confirmSide(side, taken, manager);
      }
      throw new InvalidLink();
    });
  }

  private async confirmSide(
    side: (typeof SIDES)[number],
    { userId, email }: { readonly userId: number; readonly email: string },
    manager: EntityManager,
  ): Promise<boolean> {
    const [rows] = await manager.query<[{ newEmail: string; oldEmail: string; both: boolean }[], number]>(
      `UPDATE email_changes c SET ${side}_confirmed = true FROM users u
       WHERE u.id = c.user_id AND c.user_id = $1 AND ${side === 'old' ? 'u.email' : 'new_email'} = $2
         AND requested_at > now() - make_interval(hours => ${EMAIL_CHANGE_HOURS})
       RETURNING new_email AS "newEmail", u.email AS "oldEmail", old_confirmed AND new_confirmed AS both`,
      [userId, email],
    );
    const change = rows[0];
    if (change === undefined) throw new InvalidLink();
    if (!change.both) return false;
    if (!(await this.users.changeEmail(userId, change.oldEmail, change.newEmail, manager)))
      throw new InvalidLink();
    await manager.query('DELETE FROM email_changes WHERE user_id = $1', [userId]);
    const record = { action: 'account.email', actor: 'user', userId } as const;
    await this.audit.writeIn(manager, { ...record, outcome: 'changed' });
    return true;
  }
}
