import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import type { Letter } from './letter.js';
import { MailNotConfigured } from './mail.errors.js';

export type MailKind =
  'password_reset' | 'verify_email' | 'email_change_old' | 'email_change_new' | 'webhook_paused';

/** Writes the letter, in the transaction that claims it. Null if nobody is to get one. */
export type Compose = (recipient: string, manager: EntityManager) => Promise<Letter | null>;

/** Of a kind to an address, so that nobody can fill somebody's mailbox. */
const MAX_PER_HOUR = 3;

/** Letters to be written: the kind and the recipient only, so that no token waits in the database. */
@Injectable()
export class MailOutbox {
  readonly #composers = new Map<MailKind, Compose>();
  #added: () => void = () => undefined;

  constructor(private readonly config: AppConfig) {}

  get enabled(): boolean {
    return this.config.mail !== null;
  }

  register(kind: MailKind, compose: Compose): void {
    this.#composers.set(kind, compose);
  }

  composerOf(kind: MailKind): Compose | undefined {
    return this.#composers.get(kind);
  }

  onAdded(listener: () => void): void {
    this.#added = listener;
  }

  /** @throws {MailNotConfigured} */
  assertEnabled(): void {
    if (!this.enabled) throw new MailNotConfigured();
  }

  /**
   * Adds a letter in the caller's transaction; nothing if there have been too many. Does the same whether or not there is
   * an account with this address.
   */
  async addIn(manager: EntityManager, kind: MailKind, recipient: string): Promise<void> {
    // One after the other, or many at once would each find too few.
    await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `mail:${kind}:${recipient}`,
    ]);
    await manager.query(
      `INSERT INTO mails (kind, recipient) SELECT $1::varchar, $2::varchar
       WHERE (SELECT count(*) FROM mails
              WHERE recipient = $2 AND kind = $1 AND created_at > now() - interval '1 hour') < ${MAX_PER_HOUR}`,
      [kind, recipient],
    );
    this.#added();
  }
}
