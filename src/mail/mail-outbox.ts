import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import type { Letter } from './letter.js';
import { MailNotConfigured } from './mail.errors.js';

export type LinkKind =
  | 'password_reset'
  | 'verify_email'
  | 'email_change_old'
  | 'email_change_new'
  | 'invitation'
  | 'webhook_paused';
export type NoticeKind = 'notice_sign_in' | 'notice_api_key' | 'notice_reveal' | 'notice_connections';
export type MailKind = LinkKind | NoticeKind;

/** One thing that a letter tells of, as it is stored. */
export type MailItem = Readonly<Record<string, string | number | boolean | null>>;

/** Writes the letter, in the transaction that claims it. Null if nobody is to get one. */
export type Compose = (
  recipient: string,
  manager: EntityManager,
  items: readonly MailItem[],
) => Promise<Letter | null>;

/** Of a kind to an address, so that nobody can fill somebody's mailbox. */
const MAX_PER_HOUR = 3;
/** What does not fit comes with the next letter. */
const MAX_ITEMS = 50;

/**
 * Letters to be written. Of a letter with a link the kind and the recipient only, so that no token waits in the database; of
 * a notice also what it tells of.
 */
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
   *
   * @param about what the letter's writer has to know; no secret.
   * @returns whether it was added.
   */
  async addIn(
    manager: EntityManager,
    kind: LinkKind,
    recipient: string,
    about: MailItem | null = null,
  ): Promise<boolean> {
    await this.lock(manager, kind, recipient);
    const added = await manager.query<unknown[]>(
      `INSERT INTO mails (kind, recipient, items) SELECT $1::varchar, $2::varchar, $3::jsonb
       WHERE (SELECT count(*) FROM mails
              WHERE recipient = $2 AND kind = $1 AND created_at > now() - interval '1 hour') < ${MAX_PER_HOUR}
       RETURNING id`,
      [kind, recipient, about === null ? null : JSON.stringify([about])],
    );
    this.#added();
    return added.length > 0;
  }

  /**
   * Adds to a letter that waits, or a letter. One too many within an hour waits for another hour, and gathers what
   * happens until then: nothing is left out.
   *
   * @param perHour how many letters of the kind there may be.
   */
  async gatherIn(
    manager: EntityManager,
    kind: NoticeKind,
    { userId, email }: { readonly userId: number; readonly email: string },
    items: readonly MailItem[],
    perHour = MAX_PER_HOUR,
  ): Promise<void> {
    await this.lock(manager, kind, email);
    for (let rest = items; rest.length > 0; rest = rest.slice(MAX_ITEMS)) {
      const parameters = [kind, email, JSON.stringify(rest.slice(0, MAX_ITEMS))];
      const [, joined] = await manager.query<[unknown[], number]>(
        `UPDATE mails SET items = items || $3::jsonb
         WHERE attempts = 0 AND id = (
           SELECT id FROM mails WHERE kind = $1 AND recipient = $2 AND attempts = 0 AND done_at IS NULL
             AND jsonb_array_length(items) + jsonb_array_length($3::jsonb) <= ${MAX_ITEMS} ORDER BY id LIMIT 1)`,
        parameters,
      );
      if (joined > 0) continue;
      await manager.query(
        `INSERT INTO mails (kind, recipient, items, user_id, due_at)
         SELECT $1::varchar, $2::varchar, $3::jsonb, $4::integer, greatest(now(), max(sent_at) + interval '1 hour')
         FROM (SELECT coalesce(done_at, greatest(due_at, now())) AS sent_at FROM mails
               WHERE recipient = $2 AND kind = $1 AND coalesce(done_at, now()) > now() - interval '1 hour'
               ORDER BY sent_at DESC OFFSET $5) recent`,
        [...parameters, userId, perHour - 1],
      );
    }
    this.#added();
  }

  /** One after the other, or many at once would each find too few. */
  private async lock(manager: EntityManager, kind: MailKind, recipient: string): Promise<void> {
    await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `mail:${kind}:${recipient}`,
    ]);
  }
}
