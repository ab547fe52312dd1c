import { Injectable } from '@nestjs/common';
import { type EntityManager, In, MoreThan } from 'typeorm';
import { AuditLog } from '../audit/audit-log.js';
import { normalEmail } from '../common/normal-text.js';
import { violatedUniqueConstraint } from '../database/database-errors.js';
import { Database } from '../database/database.js';
import type { Role } from '../http/auth/auth-user.js';
import type { Account, AccountOrigin, AccountWithPassword, VerifiableAccount } from './account.js';
import { isStorable, placeholderEmail, type OidcIdentity } from './oidc-identity.js';
import type { ManagedUser } from './user-search.js';
import { User } from './user.entity.js';
import { EmailTaken } from './users.errors.js';

/** Methods that accept a `manager` join its transaction. Without one they run in their own. */
@Injectable()
export class UsersService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditLog,
  ) {}

  async findByEmail(email: string): Promise<AccountWithPassword | null> {
    const user = await this.database.load((manager) =>
      manager.findOneBy(User, { email: normalEmail(email) }),
    );
    return user && withPassword(user);
  }

  async findWithPassword(id: number): Promise<AccountWithPassword | null> {
    const user = await this.database.load((manager) => manager.findOneBy(User, { id }));
    return user && withPassword(user);
  }

  async findById(id: number): Promise<VerifiableAccount | null> {
    const user = await this.database.load((manager) => manager.findOneBy(User, { id }));
    return user && { ...toAccount(user), emailVerified: user.emailVerifiedAt !== null };
  }

  async isEmpty(): Promise<boolean> {
    return !(await this.database.load((manager) => manager.exists(User)));
  }

  /** @throws {EmailTaken} */
  async create(email: string, passwordHash: string | null, manager?: EntityManager): Promise<Account> {
    const insert = async (transaction: EntityManager): Promise<Account> => {
      const user = transaction.create(User, { email: normalEmail(email), passwordHash, role: 'user' });
      try {
        await transaction.insert(User, user);
      } catch (error) {
        throw violatedUniqueConstraint(error) === 'users_email_key' ? new EmailTaken() : error;
      }
      return toAccount(user);
    };
    return manager === undefined ? this.database.transaction(insert) : insert(manager);
  }

  /**
   * Records that the user is active now. The row stays locked until the transaction ends, so a change of the password
   * comes before or after it.
   *
   * @param passwordHash that has been compared.
   * @returns the account; null if there is none, or if it has another password by now.
   */
  async touch(
    id: number,
    manager: EntityManager,
    passwordHash: string | null = null,
  ): Promise<Account | null> {
    // TypeORM returns [rows, count] for an UPDATE.
    const [rows] = await manager.query<[Account[], number]>(
      `UPDATE users SET last_active_at = now() WHERE id = $1 AND ($2::text IS NULL OR password_hash = $2)
       RETURNING id, email, role`,
      [id, passwordHash],
    );
    return rows[0] ?? null;
  }

  /** @param account an id or an e-mail address. */
  async originOf(account: number | string): Promise<AccountOrigin | null> {
    const where = typeof account === 'number' ? { id: account } : { email: normalEmail(account) };
    const user = await this.database.load((manager) => manager.findOneBy(User, where));
    return user && toOrigin(user);
  }

  /** The accounts after an id, in the order of their ids. */
  async list(afterId: number, limit: number): Promise<AccountOrigin[]> {
    const where = { id: MoreThan(afterId) };
    const found = await this.database.load((manager) =>
      manager.find(User, { where, order: { id: 'ASC' }, take: limit }),
    );
    return found.map(toOrigin);
  }

  /** The ids of those of the addresses that have an account, which nobody can delete until the transaction ends. */
  async idsOf(emails: readonly string[], manager: EntityManager): Promise<Map<string, number>> {
    const rows = await manager.query<{ id: number; email: string }[]>(
      'SELECT id, email FROM users WHERE email = ANY($1::varchar[]) FOR KEY SHARE',
      [emails],
    );
    return new Map(rows.map(({ id, email }) => [email, id]));
  }

  async emailsOf(ids: readonly number[]): Promise<Map<number, string>> {
    const rows = await this.database.statement<{ id: number; email: string }>(
      'SELECT id, email FROM users WHERE id = ANY($1::integer[])',
      [ids],
    );
    return new Map(rows.map(({ id, email }) => [id, email]));
  }

  /** @param passwordHash a PHC string. */
  async setPassword(id: number, passwordHash: string, manager: EntityManager): Promise<void> {
    await manager.update(User, id, { passwordHash });
  }

  /** @returns false if the password is no longer `from`. Both are PHC strings. */
  async replacePassword(id: number, from: string, to: string, manager: EntityManager): Promise<boolean> {
    const { affected } = await manager.update(User, { id, passwordHash: from }, { passwordHash: to });
    return affected === 1;
  }

  /** The account of somebody who signs in here and is not disabled, which nobody can delete until the transaction ends. */
  async localAccount(email: string, manager: EntityManager): Promise<VerifiableAccount | null> {
    const [row] = await manager.query<VerifiableAccount[]>(
      `SELECT id, email, role, email_verified_at IS NOT NULL AS "emailVerified" FROM users
       WHERE email = $1 AND password_hash IS NOT NULL AND disabled_at IS NULL FOR KEY SHARE`,
      [email],
    );
    return row ?? null;
  }

  /**
   * Records that the owner of this account reads the mail for this address.
   *
   * @returns false if the account has another address by now, or is disabled.
   */
  async verifyEmail(id: number, email: string, manager: EntityManager): Promise<boolean> {
    const [, changed] = await manager.query<[unknown[], number]>(
      `UPDATE users SET email_verified_at = coalesce(email_verified_at, now())
       WHERE id = $1 AND email = $2 AND disabled_at IS NULL`,
      [id, email],
    );
    return changed === 1;
  }

  /**
   * The new address counts as verified.
   *
   * @returns false if the account has another address than `from` by now, or is disabled.
   * @throws {EmailTaken}
   */
  async changeEmail(id: number, from: string, to: string, manager: EntityManager): Promise<boolean> {
    try {
      const [, changed] = await manager.query<[unknown[], number]>(
        `UPDATE users SET email = $3, email_verified_at = now()
         WHERE id = $1 AND email = $2 AND disabled_at IS NULL`,
        [id, from, to],
      );
      return changed === 1;
    } catch (error) {
      throw violatedUniqueConstraint(error) === 'users_email_key' ? new EmailTaken() : error;
    }
  }

  /** As an administrator sees them. */
  async managed(id: number): Promise<ManagedUser | null> {
    return this.database.load((manager) => manager.findOneBy(User, { id }));
  }

  /** Locks those of the accounts that exist, in the order of their ids, until the transaction ends. */
  lock(ids: readonly number[], manager: EntityManager): Promise<ManagedUser[]> {
    return manager.find(User, {
      where: { id: In(ids) },
      order: { id: 'ASC' },
      lock: { mode: 'pessimistic_write' },
    });
  }

  /** Where its role changes or it is disabled, the database ends its sessions. */
  async alter({ id, role, disabledAt, leavesAt }: ManagedUser, manager: EntityManager): Promise<void> {
    await manager.update(User, id, { role, disabledAt, leavesAt });
  }

  /**
   * Disables the account until it is deleted.
   *
   * @returns when; null if there is no account, or it is disabled already.
   */
  async leave(id: number, days: number, manager: EntityManager): Promise<Date | null> {
    const [rows] = await manager.query<[{ leavesAt: Date }[], number]>(
      `UPDATE users SET disabled_at = now(), leaves_at = now() + make_interval(days => $2)
       WHERE id = $1 AND disabled_at IS NULL RETURNING leaves_at AS "leavesAt"`,
      [id, days],
    );
    return rows[0]?.leavesAt ?? null;
  }

  /** @returns false if the account is not leaving, or its time has come. */
  async stay(id: number, manager: EntityManager): Promise<boolean> {
    const [rows] = await manager.query<[unknown[], number]>(
      `UPDATE users SET disabled_at = NULL, leaves_at = NULL WHERE id = $1 AND leaves_at > now() RETURNING id`,
      [id],
    );
    return rows.length > 0;
  }

  /** Accounts whose time has come, but for those of these ids. */
  async leaving(limit: number, except: readonly number[]): Promise<number[]> {
    const rows = await this.database.statement<{ id: number }>(
      'SELECT id FROM users WHERE leaves_at <= now() AND id <> ALL ($2) ORDER BY leaves_at LIMIT $1',
      [limit, except],
    );
    return rows.map(({ id }) => id);
  }

  /** @returns false if the account is gone, or stays after all. */
  async deleteLeaving(id: number, manager: EntityManager): Promise<boolean> {
    const [rows] = await manager.query<[unknown[], number]>(
      'DELETE FROM users WHERE id = $1 AND leaves_at <= now() RETURNING id',
      [id],
    );
    return rows.length > 0;
  }

  /** With everything that belongs to the account. */
  async delete(id: number, manager: EntityManager): Promise<void> {
    await manager.delete(User, id);
  }

  /** All sessions of the account end: the database sees to that. */
  async setRole(id: number, role: Role): Promise<void> {
    await this.database.transaction(async (manager) => {
      await manager.update(User, id, { role });
      await this.audit.writeIn(manager, { action: 'account.role', outcome: role, userId: id });
    });
  }

  /** Finds or creates the account of an OpenID identity, and records that it is active now. */
  async admitOidc(identity: OidcIdentity): Promise<Account> {
    const existing = await this.touchOidc(identity);
    if (existing !== null) return existing;
    // An address that is already taken stays with its account: a verified address at the provider does not prove that the
    // local account belongs to the same person. The new account gets a placeholder address.
    const email = isStorable(identity.email) ? normalEmail(identity.email) : placeholderEmail(identity);
    for (const address of new Set([email, placeholderEmail(identity)])) {
      await this.insertOidc(identity, address);
      const created = await this.touchOidc(identity);
      if (created !== null) return created;
    }
    throw new Error('The account of an OpenID identity could not be created.');
  }

  /** Does nothing if the identity or the address exists, so only one of several concurrent requests creates the account. */
  private async insertOidc({ issuer, subject }: OidcIdentity, email: string): Promise<void> {
    await this.database.transaction(async (manager) => {
      const [created] = await manager.query<{ id: number }[]>(
        `INSERT INTO users (email, oidc_issuer, oidc_subject) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id`,
        [email, issuer, subject],
      );
      if (created === undefined) return;
      const record = { action: 'account.register', actor: 'user', userId: created.id } as const;
      await this.audit.writeIn(manager, { ...record, outcome: 'done', detail: 'OpenID provider' });
    });
  }

  private async touchOidc({ issuer, subject }: OidcIdentity): Promise<Account | null> {
    const [rows] = await this.database.transaction((manager) =>
      manager.query<[Account[], number]>(
        `UPDATE users SET last_active_at = now() WHERE oidc_issuer = $1 AND oidc_subject = $2
         RETURNING id, email, role`,
        [issuer, subject],
      ),
    );
    return rows[0] ?? null;
  }
}

function toOrigin(user: User): AccountOrigin {
  return { ...toAccount(user), oidcIssuer: user.oidcIssuer, createdAt: user.createdAt };
}

function withPassword(user: User): AccountWithPassword {
  const { passwordHash, disabledAt, leavesAt } = user;
  return {
    ...toAccount(user),
    ...{ passwordHash, disabled: disabledAt !== null, leaving: leavesAt !== null },
  };
}

function toAccount({ id, email, role }: User): Account {
  return { id, email, role };
}
