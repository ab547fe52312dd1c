import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { UsersService } from '../users/users.service.js';
import { Passwords } from './passwords.js';

const EMAIL = 'demo@example.org';

/** An account to sign in with on the first start with the embedded database. */
@Injectable()
export class DemoAccount {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: Passwords,
    private readonly config: AppConfig,
  ) {}

  /** Creates the account if there are no accounts yet, otherwise returns null. The password is returned only here. */
  async ensure(): Promise<{ readonly email: string; readonly password: string } | null> {
    if (!this.config.localAccountsEnabled || !(await this.users.isEmpty())) return null;
    const password = randomBytes(15).toString('base64url');
    const { email } = await this.users.create(EMAIL, await this.passwords.hash(password));
    return { email, password };
  }
}
