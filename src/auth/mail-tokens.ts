import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { hashOf, mayBeSecret, newSecret } from '../common/secrets.js';
import { Database } from '../database/database.js';
import type { LinkKind } from '../mail/mail-outbox.js';

/** What a link is good for. */
export interface LinkOwner {
  readonly userId: number;
  /** To which the link was sent. */
  readonly email: string;
}

const FOUND = `token_hash = $1 AND kind = $2 AND expires_at > now()`;

/** Tokens of links in messages: each works once. Only their hashes are stored. The database's clock decides. */
@Injectable()
export class MailTokens {
  constructor(private readonly database: Database) {}

  async issue(
    kind: LinkKind,
    { userId, email }: LinkOwner,
    lifeMinutes: number,
    manager: EntityManager,
  ): Promise<string> {
    const token = newSecret();
    await manager.query(
      `INSERT INTO mail_tokens (token_hash, kind, user_id, email, expires_at)
       VALUES ($1, $2, $3, $4, now() + make_interval(mins => $5))`,
      [hashOf(token), kind, userId, email, lifeMinutes],
    );
    return token;
  }

  /** Of links that were sent and are not to work any more. */
  async withdraw(kinds: readonly LinkKind[], userId: number, manager: EntityManager): Promise<void> {
    await manager.query('DELETE FROM mail_tokens WHERE user_id = $1 AND kind = ANY($2::varchar[])', [
      userId,
      kinds,
    ]);
  }

  /** Does not use it up. */
  async find(kind: LinkKind, token: string): Promise<LinkOwner | null> {
    if (!mayBeSecret(token)) return null;
    const [owner] = await this.database.statement<LinkOwner>(
      `SELECT user_id AS "userId", email FROM mail_tokens WHERE ${FOUND}`,
      [hashOf(token), kind],
    );
    return owner ?? null;
  }

  /** Uses it up, and with it all others of its kind and user. One of two racing calls gets null. */
  async take(kind: LinkKind, token: string, manager: EntityManager): Promise<LinkOwner | null> {
    if (!mayBeSecret(token)) return null;
    const [taken] = await manager.query<[LinkOwner[], number]>(
      `DELETE FROM mail_tokens WHERE ${FOUND} RETURNING user_id AS "userId", email`,
      [hashOf(token), kind],
    );
    const owner = taken[0];
    if (owner === undefined) return null;
    await manager.query('DELETE FROM mail_tokens WHERE user_id = $1 AND kind = $2', [owner.userId, kind]);
    return owner;
  }
}
