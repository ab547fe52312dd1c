import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import { OwnPassword } from '../auth/own-password.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { PeriodicWork } from '../database/periodic-work.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { InvalidAccessToken, RecentSignInRequired } from '../http/auth/auth.errors.js';
import { hasSignedInRecently } from '../http/auth/recent-sign-in.js';
import { DisconnectService } from '../platforms/disconnect.service.js';
import { PlatformRepository } from '../platforms/platform.repository.js';
import { PlatformNotFound } from '../platforms/platforms.errors.js';
import { UsersService } from '../users/users.service.js';

/** In which a person may come back. */
export const DAYS_TO_RETURN = 7;
const INTERVAL_MS = 600_000;
const ACCOUNTS_AT_ONCE = 10;

/**
 * Deletes people's accounts: at once nobody can sign in with them any more but to come back, a week later they are gone. An
 * account of the OpenID provider has no password: an administrator can enable it again.
 */
@Injectable()
export class AccountDeletion implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #work = new PeriodicWork(() => this.removeAll(), {
    intervalMs: INTERVAL_MS,
    logger: 'Accounts',
    failed: 'Deleted accounts could not be removed',
    again: 'Deleted accounts are removed again.',
  });

  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly ownPassword: OwnPassword,
    private readonly platforms: PlatformRepository,
    private readonly disconnect: DisconnectService,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.#work.start();
  }

  /** Waits for the connection that is being removed: the next ones are for another process, or for the next start. */
  beforeApplicationShutdown(): Promise<void> {
    return this.#work.stop();
  }

  /**
   * Ends all sessions and stops all keys of the account: the database and the outbox see to that.
   *
   * @param password of an account that has one. Of one that has none, the provider's token must be of a recent sign-in.
   * @param address of the client.
   * @returns when the account will be gone.
   * @throws {WrongPassword | SignInDelayed | RecentSignInRequired | InvalidAccessToken}
   */
  async request(caller: AuthUser, password: string, address: string): Promise<Date> {
    const account = await this.ownPassword.accountOf(caller);
    if (account.passwordHash === null) {
      if (!hasSignedInRecently(caller, this.clock.now())) throw new RecentSignInRequired();
    } else await this.ownPassword.check(account, password, address, 'account.delete');
    return this.database.transaction(async (manager) => {
      const leavesAt = await this.users.leave(caller.id, DAYS_TO_RETURN, manager);
      if (leavesAt === null) throw new InvalidAccessToken();
      const record = { action: 'account.delete', outcome: 'requested', userId: caller.id } as const;
      await this.audit.writeIn(manager, record);
      return leavesAt;
    });
  }

  /**
   * Deletes the accounts whose week is over. Of two processes that do it at once, the second finds nothing left.
   *
   * @throws the last error. An account that cannot be deleted holds up no other.
   */
  async removeAll(): Promise<void> {
    const failed = new Map<number, unknown>();
    while (!this.#work.stopped) {
      const ids = await this.users.leaving(ACCOUNTS_AT_ONCE, [...failed.keys()]);
      for (const id of ids) await this.remove(id).catch((error: unknown) => failed.set(id, error));
      if (ids.length < ACCOUNTS_AT_ONCE) break;
    }
    if (failed.size > 0) throw [...failed.values()].at(-1);
  }

  private async remove(userId: number): Promise<void> {
    const connections = await this.database.load(() => this.platforms.listAll(userId));
    for (const { id } of connections) {
      if (this.#work.stopped) return;
      try {
        await this.disconnect.removeAndRevoke(userId, id);
      } catch (error) {
        // Another process was faster.
        if (!(error instanceof PlatformNotFound)) throw error;
      }
    }
    await this.database.transaction(async (manager) => {
      if (!(await this.users.deleteLeaving(userId, manager))) return;
      await this.audit.writeIn(manager, { action: 'account.delete', outcome: 'done', userId });
    });
  }
}
