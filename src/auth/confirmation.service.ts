import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import { Database } from '../database/database.js';
import { PasskeyRefused, WrongCode } from '../factors/factors.errors.js';
import { PasskeyProofs } from '../factors/passkey-proofs.js';
import { SecondFactors } from '../factors/second-factors.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { RECENT_SECONDS } from '../http/auth/recent-sign-in.js';
import { SessionWriter } from '../sessions/session-writer.js';
import { SessionsService } from '../sessions/sessions.service.js';
import type { Account } from '../users/account.js';
import { AccessTokens } from './access-tokens.js';
import type { ConfirmationDto } from './dto/confirmation.dto.js';
import { OwnPassword } from './own-password.js';
import { SignInDelays } from './sign-in-delays.js';

/** A person who has been signed in for a while proves once more who they are. */
@Injectable()
export class ConfirmationService {
  constructor(
    private readonly database: Database,
    private readonly ownPassword: OwnPassword,
    private readonly delays: SignInDelays,
    private readonly sessionWriter: SessionWriter,
    private readonly sessions: SessionsService,
    private readonly accessTokens: AccessTokens,
    private readonly factors: SecondFactors,
    private readonly passkeys: PasskeyProofs,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @param address of the client.
   * @throws {WrongPassword | SignInDelayed | InvalidAccessToken}
   */
  async byPassword(caller: AuthUser, password: string, address: string): Promise<ConfirmationDto> {
    const account = await this.ownPassword.accountOf(caller);
    await this.ownPassword.check(account, password, address, 'session.confirm');
    return this.confirm(caller, account, address);
  }

  /**
   * @param code of the person's second factor.
   * @param address of the client.
   * @throws {WrongCode | SignInDelayed | InvalidAccessToken}
   */
  async byCode(caller: AuthUser, code: string, address: string): Promise<ConfirmationDto> {
    const account = await this.ownPassword.accountOf(caller);
    await this.delays.begin(account.email, address);
    try {
      return await this.confirm(caller, account, address, code);
    } catch (error) {
      if (error instanceof WrongCode)
        await this.audit.write({ action: 'session.confirm', outcome: 'failed', userId: caller.id });
      throw error;
    }
  }

  /**
   * @param response of a passkey.
   * @param address of the client.
   * @throws {PasskeyRefused | InvalidAccessToken}
   */
  async byPasskey(caller: AuthUser, response: unknown, address: string): Promise<ConfirmationDto> {
    const account = await this.ownPassword.accountOf(caller);
    const { userId } = await this.passkeys.verify(response);
    if (userId !== caller.id) throw new PasskeyRefused();
    return this.confirm(caller, account, address);
  }

  /** @param code of the second factor, if that is the proof. */
  private async confirm(
    { id: userId, sessionId }: AuthUser,
    { email }: Account,
    address: string,
    code?: string,
  ): Promise<ConfirmationDto> {
    // Somebody whose tokens are the provider's has no password here.
    if (sessionId === undefined) throw new InvalidAccessToken();
    const { confirmedAt, changed } = await this.database.transaction(async (manager) => {
      if (code !== undefined && (await this.factors.use(userId, code, manager)) === null)
        throw new WrongCode();
      const confirmed = await this.sessionWriter.confirm(userId, sessionId, manager);
      if (confirmed === null) throw new InvalidAccessToken();
      await this.delays.succeeded(email, address, manager);
      await this.audit.writeIn(manager, { action: 'session.confirm', outcome: 'done', userId });
      return confirmed;
    });
    // Its outcome does not matter: a process that refuses the next request reads the session again.
    await this.sessions.confirmEnd(changed);
    return {
      accessToken: await this.accessTokens.sign({ userId, sessionId }),
      tokenType: 'Bearer',
      expiresIn: this.accessTokens.ttlSeconds,
      confirmedUntil: new Date(confirmedAt.getTime() + RECENT_SECONDS * 1000),
    };
  }
}
