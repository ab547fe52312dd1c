import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import { Database } from '../database/database.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { SessionWriter } from '../sessions/session-writer.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { UsersService } from '../users/users.service.js';
import { WrongPassword } from './auth.errors.js';
import { OwnPassword } from './own-password.js';
import { assertHardToGuess } from './password-strength.js';
import { Passwords } from './passwords.js';
import { SignInDelays } from './sign-in-delays.js';

/** Hashes passwords outside the transactions, so no database connection is held that long. */
@Injectable()
export class PasswordChangeService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly ownPassword: OwnPassword,
    private readonly passwords: Passwords,
    private readonly delays: SignInDelays,
    private readonly sessionWriter: SessionWriter,
    private readonly sessions: SessionsService,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Ends all sessions but the caller's own.
   *
   * @param address of the client.
   * @throws {InvalidField | WrongPassword | SignInDelayed}
   */
  async change(caller: AuthUser, current: string, next: string, address: string): Promise<void> {
    const account = await this.ownPassword.accountOf(caller);
    const { id, email } = account;
    await assertHardToGuess(next, email, '/newPassword');
    const passwordHash = await this.ownPassword.check(account, current, address, 'account.password');
    const nextHash = await this.passwords.hash(next);
    const ended = await this.database.transaction(async (manager) => {
      const changed = await this.users.replacePassword(id, passwordHash, nextHash, manager);
      // Another request has changed it since it was compared.
      if (!changed) throw new WrongPassword();
      await this.delays.succeeded(email, address, manager);
      const others = await this.sessionWriter.endAll(id, manager, caller.sessionId ?? null);
      await this.audit.writeIn(manager, { action: 'account.password', outcome: 'changed', userId: id });
      return others;
    });
    // Its outcome does not matter to the caller: the password is changed, and the outbox goes on.
    await this.sessions.confirmEnd(ended);
  }
}
