import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog, type AuditRecord } from '../audit/audit-log.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import type { AuthUser, Role } from '../http/auth/auth-user.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import type { CommittedChanges } from '../outbox/change.js';
import { SessionWriter } from '../sessions/session-writer.js';
import { SessionEndUnconfirmed } from '../sessions/sessions.errors.js';
import { SessionsService } from '../sessions/sessions.service.js';
import type { ManagedUser } from '../users/user-search.js';
import { OwnAccount, UserNotFound } from '../users/users.errors.js';
import { UsersService } from '../users/users.service.js';

export interface UserChange {
  readonly role?: Role;
  readonly disabled?: boolean;
}

/**
 * What administrators do to the accounts of others. What is cached of them goes with the outbox, as after a change by SQL:
 * within a second on every process.
 */
@Injectable()
export class UserAdministration {
  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly sessionWriter: SessionWriter,
    private readonly sessions: SessionsService,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  /**
   * The database ends the sessions of a user whose role changes or who is disabled.
   *
   * @throws {UserNotFound | OwnAccount | InvalidAccessToken}
   */
  async change(caller: AuthUser, id: number, { role, disabled }: UserChange): Promise<ManagedUser> {
    return this.database.transaction(async (manager) => {
      const user = await this.other(caller, id, manager);
      const changed = { ...user };
      const about = { userId: id, detail: by(caller) };
      const records: AuditRecord[] = [];
      if (role !== undefined && role !== user.role) {
        changed.role = role;
        records.push({ action: 'account.role', outcome: role, ...about });
      }
      // An account that is leaving is disabled too, but signing in would enable it. After an administrator, it does not.
      if (disabled !== undefined && (disabled !== (user.disabledAt !== null) || user.leavesAt !== null)) {
        changed.disabledAt = disabled ? this.clock.now() : null;
        changed.leavesAt = null;
        records.push({ action: 'account.disable', outcome: disabled ? 'disabled' : 'enabled', ...about });
      }
      if (records.length > 0) {
        await this.users.alter(changed, manager);
        await this.audit.writeIn(manager, ...records);
      }
      return changed;
    });
  }

  /**
   * With all that belongs to the user. The trail stays.
   *
   * @throws {UserNotFound | OwnAccount | InvalidAccessToken}
   */
  async remove(caller: AuthUser, id: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      await this.other(caller, id, manager);
      await this.users.delete(id, manager);
      const record = { action: 'account.delete', outcome: 'done', userId: id } as const;
      await this.audit.writeIn(manager, { ...record, detail: by(caller) });
    });
  }

  /** @throws {UserNotFound | OwnAccount | InvalidAccessToken | SessionEndUnconfirmed} */
  async endSessions(caller: AuthUser, id: number): Promise<void> {
    const ended = await this.database.transaction(async (manager): Promise<CommittedChanges> => {
      await this.other(caller, id, manager);
      const changes = await this.sessionWriter.endAll(id, manager);
      const record = { action: 'session.end', outcome: 'done', userId: id } as const;
      await this.audit.writeIn(manager, {
        ...record,
        detail: `All: ${changes.changes.length}. ${by(caller)}`,
      });
      return changes;
    });
    if ((await this.sessions.confirmEnd(ended)) === 'pending') throw new SessionEndUnconfirmed();
  }

  /**
   * Of two administrators who disable or demote each other at once, the second waits for the lock and is none by then. So
   * one always stays.
   */
  private async other(caller: AuthUser, id: number, manager: EntityManager): Promise<ManagedUser> {
    if (id === caller.id) throw new OwnAccount();
    const rows = await this.users.lock([caller.id, id], manager);
    const self = rows.find((row) => row.id === caller.id);
    if (self?.role !== 'admin' || self.disabledAt !== null) throw new InvalidAccessToken();
    const user = rows.find((row) => row.id === id);
    if (user === undefined) throw new UserNotFound();
    return user;
  }
}

function by({ id }: AuthUser): string {
  return `By user ${id}`;
}
