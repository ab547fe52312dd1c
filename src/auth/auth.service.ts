import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog, type AuditRecord } from '../audit/audit-log.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import { PasskeyRefused, SecondFactorRequired, WrongCode } from '../factors/factors.errors.js';
import { PasskeyProofs } from '../factors/passkey-proofs.js';
import { SecondFactors } from '../factors/second-factors.js';
import { KeyedRequests } from '../idempotency/keyed-requests.js';
import { MailOutbox } from '../mail/mail-outbox.js';
import { type Continued, type Reused, SessionWriter } from '../sessions/session-writer.js';
import { SessionsService } from '../sessions/sessions.service.js';
import type { SignInOrigin } from '../sessions/sign-in-origin.js';
import type { Account, AccountWithPassword } from '../users/account.js';
import { InvitationsService } from '../users/invitations.service.js';
import { UsersService } from '../users/users.service.js';
import { AccessTokens } from './access-tokens.js';
import {
  AccountDisabled,
  InvalidCredentials,
  InvalidRefreshToken,
  LocalAccountsDisabled,
  RegistrationClosed,
} from './auth.errors.js';
import type { SessionDto } from './dto/session.dto.js';
import { assertHardToGuess } from './password-strength.js';
import { Passwords } from './passwords.js';
import { SignInDelays } from './sign-in-delays.js';
import { SignInNotice } from './sign-in-notice.js';

const SESSION_BEGIN = { action: 'session.begin' } as const;

/** Hashes passwords outside the transactions, so no database connection is held that long. */
@Injectable()
export class AuthService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly invitations: InvitationsService,
    private readonly passwords: Passwords,
    private readonly accessTokens: AccessTokens,
    private readonly sessionWriter: SessionWriter,
    private readonly sessions: SessionsService,
    private readonly delays: SignInDelays,
    private readonly audit: AuditLog,
    private readonly keyed: KeyedRequests,
    private readonly mails: MailOutbox,
    private readonly factors: SecondFactors,
    private readonly passkeys: PasskeyProofs,
    private readonly notice: SignInNotice,
    private readonly config: AppConfig,
  ) {}

  /**
   * Creates an account and signs the user in.
   *
   * @throws {EmailTaken | InvalidField | LocalAccountsDisabled | RegistrationClosed | InvitationRequired | InvalidInvitation}
   */
  async register(
    email: string,
    password: string,
    from: SignInOrigin,
    invitation: string | null,
  ): Promise<SessionDto> {
    this.assertLocalAccounts();
    const { registration } = this.config;
    if (registration === 'closed') throw new RegistrationClosed();
    // Where anybody may register, an invitation that was sent before is not needed.
    const needed = registration === 'invite' ? await this.invitations.good(invitation, email) : null;
    await assertHardToGuess(password, email, '/password');
    const passwordHash = await this.passwords.hash(password);
    return this.database.transaction(async (manager) => {
      if (needed !== null) await this.invitations.use(needed, email, manager);
      const { id } = await this.users.create(email, passwordHash, manager);
      await this.delays.succeeded(email, from.address, manager);
      if (this.mails.enabled) await this.mails.addIn(manager, 'verify_email', email);
      const session = await this.admit(id, from, manager);
      await this.audit.writeIn(manager, { action: 'account.register', outcome: 'done', userId: id });
      return session;
    });
  }

  /**
   * @param code of the second factor, where the account has one.
   * @throws {InvalidCredentials | SignInDelayed | AccountDisabled | LocalAccountsDisabled | SecondFactorRequired | WrongCode}
   */
  async login(email: string, password: string, code: string | null, from: SignInOrigin): Promise<SessionDto> {
    this.assertLocalAccounts();
    await this.delays.begin(email, from.address);
    const account = await this.users.findByEmail(email);
    const matches = await this.passwords.verify(account?.passwordHash ?? null, password);
    if (account === null || !matches) {
      await this.audit.write({ ...SESSION_BEGIN, outcome: 'failed', userId: account?.id ?? null });
      throw new InvalidCredentials();
    }
    await this.assertEnabled(account);
    const needsCode = await this.factors.has(account.id);
    if (needsCode && code === null) throw new SecondFactorRequired();
    try {
      return await this.admitWith(account, needsCode ? code : null, from);
    } catch (error) {
      if (error instanceof WrongCode) {
        const record = { ...SESSION_BEGIN, outcome: 'failed', userId: account.id };
        await this.audit.write({ ...record, detail: 'Wrong code of the second factor' });
      }
      throw error;
    }
  }

  /** @throws {PasskeyRefused | AccountDisabled | LocalAccountsDisabled} */
  async loginByPasskey(response: unknown, from: SignInOrigin): Promise<SessionDto> {
    this.assertLocalAccounts();
    const { userId, passkeyId } = await this.passkeys.verify(response);
    const account = await this.users.findWithPassword(userId);
    if (account === null) throw new PasskeyRefused();
    await this.assertEnabled(account);
    return this.admitWith(account, null, from, `Passkey ${passkeyId}`);
  }

  private async assertEnabled({ id: userId, disabled, leaving }: AccountWithPassword): Promise<void> {
    if (!disabled || leaving) return;
    await this.audit.write({ ...SESSION_BEGIN, outcome: 'disabled', userId });
    throw new AccountDisabled();
  }

  /** @param code of the second factor; null where none is needed. */
  private admitWith(
    account: AccountWithPassword,
    code: string | null,
    from: SignInOrigin,
    detail?: string,
  ): Promise<SessionDto> {
    return this.database.transaction(async (manager) => {
      const factor = code === null ? null : await this.factors.use(account.id, code, manager);
      if (code !== null && factor === null) throw new WrongCode();
      await this.delays.succeeded(account.email, from.address, manager);
      const begun = { ...SESSION_BEGIN, outcome: 'done', userId: account.id };
      const records: AuditRecord[] = [{ ...begun, ...(detail !== undefined && { detail }) }];
      if (factor === 'recovery_code')
        records.push({ action: 'second_factor.codes', outcome: 'used', userId: account.id });
      if (account.leaving) {
        if (!(await this.users.stay(account.id, manager))) throw new InvalidCredentials();
        records.push({ action: 'account.delete', outcome: 'undone', userId: account.id });
      }
      await this.notice.addIn(manager, account.id, from);
      const session = await this.admit(account.id, from, manager, account.passwordHash);
      await this.audit.writeIn(manager, ...records);
      return session;
    });
  }

  /** @throws {InvalidRefreshToken | LocalAccountsDisabled} */
  async refresh(refreshToken: string, from: SignInOrigin): Promise<SessionDto> {
    this.assertLocalAccounts();
    const continued = await this.database.transaction(
      async (manager): Promise<SessionDto | Reused | null> => {
        const rotated = await this.sessionWriter.rotate(refreshToken, from, manager);
        if (rotated === null) return null;
        if ('reusedFrom' in rotated) {
          const userId = rotated.reusedFrom;
          await this.audit.writeIn(manager, { action: 'session.reuse', outcome: 'sessions_ended', userId });
          return rotated;
        }
        const user = await this.users.touch(rotated.userId, manager);
        return user && this.keptSession(user, rotated, manager);
      },
    );
    // After the commit: thrown inside the transaction, it would roll back the end of the sessions.
    if (continued === null) throw new InvalidRefreshToken();
    if ('reusedFrom' in continued) {
      await this.sessions.confirmEnd(continued.ended);
      throw new InvalidRefreshToken();
    }
    return continued;
  }

  /** Does not reveal whether the token existed. */
  async logout(refreshToken: string): Promise<void> {
    const found = await this.database.transaction(async (manager) => {
      const ended = await this.sessionWriter.endOf(refreshToken, manager);
      if (ended === null) return null;
      const { userId, sessionId } = ended;
      const record = { action: 'session.end', outcome: 'done', userId } as const;
      await this.audit.writeIn(manager, { ...record, detail: `Session ${sessionId}, signed out` });
      return ended;
    });
    if (found !== null) await this.sessions.confirmEnd(found.ended);
  }

  private assertLocalAccounts(): void {
    if (!this.config.localAccountsEnabled) throw new LocalAccountsDisabled();
  }

  private async admit(
    userId: number,
    from: SignInOrigin,
    manager: EntityManager,
    passwordHash?: string | null,
  ): Promise<SessionDto> {
    const user = await this.users.touch(userId, manager, passwordHash);
    // Its password was changed, or the account deleted, after the password was read.
    if (user === null) throw new InvalidCredentials();
    return this.keptSession(user, await this.sessionWriter.begin(user.id, from, manager), manager);
  }

  /** A client that lost this reply gets it again by its Idempotency-Key. The refresh token alone would end all sessions. */
  private async keptSession(user: Account, begun: Continued, manager: EntityManager): Promise<SessionDto> {
    const accessToken = await this.accessTokens.sign(begun);
    const { refreshToken } = begun;
    const { ttlSeconds: expiresIn } = this.accessTokens;
    const session = { user, accessToken, refreshToken, tokenType: 'Bearer', expiresIn } as const;
    await this.keyed.keepIn(manager, session);
    return session;
  }
}
