import { Injectable } from '@nestjs/common';
import { type AuditRecord, AuditLog } from '../audit/audit-log.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import type { AccountWithPassword } from '../users/account.js';
import { UsersService } from '../users/users.service.js';
import { WrongPassword } from './auth.errors.js';
import { Passwords } from './passwords.js';
import { SignInDelays } from './sign-in-delays.js';

/** Asks somebody who is signed in for their password. An access token that was stolen does not have it. */
@Injectable()
export class OwnPassword {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: Passwords,
    private readonly delays: SignInDelays,
    private readonly audit: AuditLog,
  ) {}

  /** @throws {InvalidAccessToken} when the account is gone. */
  async accountOf({ id }: AuthUser): Promise<AccountWithPassword> {
    const account = await this.users.findWithPassword(id);
    if (account === null) throw new InvalidAccessToken();
    return account;
  }

  /**
   * A guess costs the same waits as at a sign-in: a thief of an access token has no cheaper way to try.
   *
   * @param address of the client.
   * @param action that a wrong password is recorded for.
   * @returns the hash that it matches, a PHC string.
   * @throws {WrongPassword | SignInDelayed} Nobody who signs in with the OpenID provider has a right one.
   */
  async check(
    { id, email, passwordHash }: AccountWithPassword,
    password: string,
    address: string,
    action: AuditRecord['action'],
  ): Promise<string> {
    await this.delays.begin(email, address);
    const matches = await this.passwords.verify(passwordHash, password);
    if (passwordHash !== null && matches) return passwordHash;
    await this.audit.write({ action, outcome: 'failed', userId: id });
    throw new WrongPassword();
  }
}
