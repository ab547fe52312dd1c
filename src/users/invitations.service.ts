import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit/audit-log.js';
import { normalEmail } from '../common/normal-text.js';
import { hashOf, newSecret } from '../common/secrets.js';
import { Database } from '../database/database.js';
import { Invitation } from './invitation.entity.js';
import {
  InvalidInvitation,
  InvitationNotFound,
  InvitationRequired,
  TooManyInvitations,
} from './users.errors.js';

/** That can be used at the same time. */
export const MAX_INVITATIONS = 1000;

export type OpenInvitation = Pick<Invitation, 'id' | 'email' | 'createdAt' | 'expiresAt'>;

export interface NewInvitation extends OpenInvitation {
  readonly token: string;
  /** Whether a letter with a link of its own is on its way. */
  readonly mailed: boolean;
}

const OPEN = 'id, email, created_at AS "createdAt", expires_at AS "expiresAt"';

/** Each lets one person create an account, where nobody else can (`REGISTRATION=invite`). */
@Injectable()
export class InvitationsService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @param email the only address that may use it; null if any may.
   * @param mail adds the letter, in the same transaction.
   * @returns the token too, which is stored only as a hash.
   * @throws {TooManyInvitations}
   */
  async create(
    email: string | null,
    days: number,
    mail: (manager: EntityManager, created: OpenInvitation) => Promise<boolean>,
  ): Promise<NewInvitation> {
    const token = newSecret();
    return this.database.transaction(async (manager) => {
      await manager.query('DELETE FROM invitations WHERE expires_at <= now()');
      const [created] = await manager.query<OpenInvitation[]>(
        `INSERT INTO invitations (token_hash, email, expires_at)
         SELECT $1, $2, now() + make_interval(days => $3)
         WHERE (SELECT count(*) FROM invitations) < ${MAX_INVITATIONS} RETURNING ${OPEN}`,
        [hashOf(token), email === null ? null : normalEmail(email), days],
      );
      if (created === undefined) throw new TooManyInvitations();
      const mailed = await mail(manager, created);
      const detail = `Invitation ${created.id}${mailed ? ', by mail' : ''}`;
      await this.audit.writeIn(manager, { action: 'account.invite', outcome: 'invited', detail });
      return { ...created, token, mailed };
    });
  }

  /**
   * A token for the letter, in place of one that another letter has. Null if the invitation was used, withdrawn or has
   * expired in the meantime.
   */
  async tokenForMail(id: number, email: string, manager: EntityManager): Promise<string | null> {
    const token = newSecret();
    const [rows] = await manager.query<[unknown[], number]>(
      `UPDATE invitations SET mailed_token_hash = $3 WHERE id = $1 AND email = $2 AND expires_at > now() RETURNING id`,
      [id, email, hashOf(token)],
    );
    return rows.length === 0 ? null : token;
  }

  /** Those that can be used, the newest first. */
  list(): Promise<OpenInvitation[]> {
    return this.database.statement<OpenInvitation>(
      `SELECT ${OPEN} FROM invitations WHERE expires_at > now() ORDER BY id DESC LIMIT ${MAX_INVITATIONS}`,
    );
  }

  /** @throws {InvitationNotFound} */
  async withdraw(id: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      const { affected } = await manager.delete(Invitation, { id });
      if (affected !== 1) throw new InvitationNotFound();
      const detail = `Invitation ${id}`;
      await this.audit.writeIn(manager, { action: 'account.invite', outcome: 'withdrawn', detail });
    });
  }

  /**
   * Before the slow work of an account.
   *
   * @returns the token.
   * @throws {InvitationRequired | InvalidInvitation}
   */
  async good(token: string | null, email: string): Promise<string> {
    if (token === null) throw new InvitationRequired();
    const found = await this.database.statement(
      `SELECT 1 FROM invitations WHERE ${GOOD}`,
      given(token, email),
    );
    if (found.length === 0) throw new InvalidInvitation();
    return token;
  }

  /** Of two at once, one finds it. @throws {InvalidInvitation} */
  async use(token: string, email: string, manager: EntityManager): Promise<void> {
    // TypeORM returns [rows, count] for a DELETE.
    const [used] = await manager.query<[unknown[], number]>(
      `DELETE FROM invitations WHERE ${GOOD} RETURNING id`,
      given(token, email),
    );
    if (used.length === 0) throw new InvalidInvitation();
  }
}

const GOOD =
  '(token_hash = $1 OR mailed_token_hash = $1) AND expires_at > now() AND (email IS NULL OR email = $2)';

function given(token: string, email: string): unknown[] {
  return [hashOf(token), normalEmail(email)];
}
