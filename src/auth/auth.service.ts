import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit/audit-log.js';
import { InvalidField } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import { KeyedRequests } from '../idempotency/keyed-requests.js';
import type { Account } from '../users/account.js';
import { UsersService } from '../users/users.service.js';
import { AccessTokens } from './access-tokens.js';
import {
  InvalidCredentials,
  InvalidRefreshToken,
  LocalAccountsDisabled,
  RegistrationClosed,
} from './auth.errors.js';
import type { SessionDto } from './dto/session.dto.js';
import { isEasyToGuess } from './password-strength.js';
import { Passwords } from './passwords.js';
import { RefreshTokensService } from './refresh-tokens.service.js';
import { SignInDelays } from './sign-in-delays.js';

const SESSION_BEGIN = { action: 'session.begin' } as const;

/** Hashes passwords outside the transactions, so no database connection is held that long. */
@Injectable()
export class AuthService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly passwords: Passwords,
    private readonly accessTokens: AccessTokens,
    private readonly refreshTokens: RefreshTokensService,
    private readonly delays: SignInDelays,
    private readonly audit: AuditLog,
    private readonly keyed: KeyedRequests,
    private readonly config: AppConfig,
  ) {}

  /**
   * Creates an account and signs the user in.
   *
   * @param address of the client.
   * @throws {EmailTaken | InvalidField | LocalAccountsDisabled | RegistrationClosed}
   */
  async register(email: string, password: string, address: string): Promise<SessionDto> {
    this.assertLocalAccounts();
    if (this.config.registration === 'closed') throw new RegistrationClosed();
    if (isEasyToGuess(password, email)) {
      const detail =
        'password is too easy to guess. Use a few words that do not belong together, or a password manager';
      throw new InvalidField([{ pointer: '/password', detail }]);
    }
    const passwordHash = await this.passwords.hash(password);
    return this.database.transaction(async (manager) => {
      const { id } = await this.users.create(email, passwordHash, manager);
      await this.delays.succeeded(email, address, manager);
      const session = await this.admit(id, manager);
      await this.audit.writeIn(manager, { action: 'account.register', outcome: 'done', userId: id });
      return session;
    });
  }

  /**
   * @param address of the client.
   * @throws {InvalidCredentials | SignInDelayed | LocalAccountsDisabled}
   */
  async login(email: string, password: string, address: string): Promise<SessionDto> {
    this.assertLocalAccounts();
    await this.delays.begin(email, address);
    const account = await this.users.findByEmail(email);
    const matches = await this.passwords.verify(account?.passwordHash ?? null, password);
    if (account === null || !matches) {
      await this.audit.write({ ...SESSION_BEGIN, outcome: 'failed', userId: account?.id ?? null });
      throw new InvalidCredentials();
    }
    return this.database.transaction(async (manager) => {
      await this.delays.succeeded(email, address, manager);
      const session = await this.admit(account.id, manager);
      await this.audit.writeIn(manager, { ...SESSION_BEGIN, outcome: 'done', userId: account.id });
      return session;
    });
  }

  /** @throws {InvalidRefreshToken | LocalAccountsDisabled} */
  async refresh(refreshToken: string): Promise<SessionDto> {
    this.assertLocalAccounts();
    const session = await this.database.transaction(async (manager): Promise<SessionDto | null> => {
      const rotated = await this.refreshTokens.rotate(refreshToken, manager);
      if (rotated !== null && 'reusedFrom' in rotated) {
        const userId = rotated.reusedFrom;
        await this.audit.writeIn(manager, { action: 'session.reuse', outcome: 'session_ended', userId });
        return null;
      }
      const user = rotated && (await this.users.touch(rotated.userId, manager));
      return user && this.keptSession(user, rotated.token, manager);
    });
    // Thrown after the commit: inside the transaction it would roll back the revocation of a reused token's family.
    if (session === null) throw new InvalidRefreshToken();
    return session;
  }

  /** Does not reveal whether the token existed. */
  async logout(refreshToken: string): Promise<void> {
    await this.database.transaction((manager) => this.refreshTokens.revoke(refreshToken, manager));
  }

  private assertLocalAccounts(): void {
    if (!this.config.localAccountsEnabled) throw new LocalAccountsDisabled();
  }

  private async admit(userId: number, manager: EntityManager): Promise<SessionDto> {
    const user = await this.users.touch(userId, manager);
    // The account was deleted after its password was read.
    if (user === null) throw new InvalidCredentials();
    return this.keptSession(user, await this.refreshTokens.issue(user.id, manager), manager);
  }

  /** A client that lost this reply gets it again by its Idempotency-Key. The refresh token alone would end the session. */
  private async keptSession(
    user: Account,
    refreshToken: string,
    manager: EntityManager,
  ): Promise<SessionDto> {
    const accessToken = await this.accessTokens.sign(user);
    const { ttlSeconds: expiresIn } = this.accessTokens;
    const session = { user, accessToken, refreshToken, tokenType: 'Bearer', expiresIn } as const;
    await this.keyed.keepIn(manager, session);
    return session;
  }
}
