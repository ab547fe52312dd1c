import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { faultText } from '../common/fault-text.js';
import { OutageLog } from '../common/outage-log.js';
import { SingleRun } from '../common/single-run.js';
import { isDatabaseUnavailable } from '../database/database-errors.js';
import { Database } from '../database/database.js';
import type { Letter } from './letter.js';
import { type MailItem, type MailKind, MailOutbox } from './mail-outbox.js';
import { MailTransport } from './mail-transport.js';

/** For letters of other processes, of one that died, and of those that failed. */
const POLL_MS = 5000;
/** Sending begins this long after the request, so that the answer's time says nothing about the address. */
const DELAY_MS = 250;
/** Longer than sending takes. Then another process takes the letter for lost, and sends it. */
const LEASE_SECONDS = 120;
/** The waits double from here: the last attempt comes some 20 minutes after the first. */
const FIRST_WAIT_SECONDS = 5;
const MAX_ATTEMPTS = 9;
/** A link grows old; what a notice tells does not. The last attempt comes eleven hours after the first. */
const MAX_NOTICE_ATTEMPTS = 14;
const PURGE_BATCH_ROWS = 1000;
const LATER_SQL = 'UPDATE mails SET due_at = now() + make_interval(secs => $2) WHERE id = $1 RETURNING id';

interface Claimed {
  readonly id: string;
  readonly kind: MailKind;
  readonly recipient: string;
  readonly attempts: number;
  readonly items: readonly MailItem[] | null;
}

interface SmtpFailure {
  readonly code?: string;
  /** What the server refused. */
  readonly command?: string;
  readonly responseCode?: number;
}

/**
 * Sends the letters of the outbox. Several processes may: a claim hides a letter from the others. A process that dies while
 * it sends leaves a letter that is sent again, so it arrives at least once.
 */
@Injectable()
export class MailSender implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger('Mail');
  readonly #outage = new OutageLog(this.#logger, 'Mail is sent again.');
  readonly #run = new SingleRun(() => this.round());
  #poll: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    private readonly database: Database,
    private readonly outbox: MailOutbox,
    @Inject(MailTransport) private readonly transport: MailTransport | null,
  ) {}

  onApplicationBootstrap(): void {
    if (this.transport === null) return;
    this.#poll = setInterval(() => this.#run.request(), POLL_MS).unref();
    this.outbox.onAdded(() => {
      clearTimeout(this.#soon);
      if (!this.#stopped) this.#soon = setTimeout(() => this.#run.request(), DELAY_MS).unref();
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#poll);
    clearTimeout(this.#soon);
    await this.#run.idle();
    this.transport?.close();
  }

  private async round(): Promise<void> {
    try {
      while (!this.#stopped) {
        const claimed = await this.database.transaction((manager) => this.claim(manager));
        if (claimed === null) break;
        // The server may be down: the next letter is tried in the next round.
        if (claimed.letter !== null && !(await this.deliver(claimed, claimed.letter))) break;
      }
      await this.purge();
    } catch (error) {
      this.#outage.failed(`Mail waits: ${faultText(error)}`);
    }
  }

  /** @returns the next letter, whose `letter` is null if there is nothing to send after all; null if none is due. */
  private async claim(manager: EntityManager): Promise<(Claimed & { letter: Letter | null }) | null> {
    const [rows] = await manager.query<[Claimed[], number]>(
      `UPDATE mails SET attempts = attempts + 1, due_at = now() + make_interval(secs => ${LEASE_SECONDS})
       WHERE id = (SELECT id FROM mails WHERE done_at IS NULL AND due_at <= now()
                   ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING id, kind, recipient, attempts, items`,
    );
    const mail = rows[0];
    if (mail === undefined) return null;
    const compose = mail.attempts > mostAttempts(mail) ? undefined : this.outbox.composerOf(mail.kind);
    try {
      // In a savepoint: one that cannot be written has been tried, and holds up no other.
      const letter = await manager.transaction(
        async (inner) => (await compose?.(mail.recipient, inner, mail.items ?? [])) ?? null,
      );
      if (letter === null) await manager.query('UPDATE mails SET done_at = now() WHERE id = $1', [mail.id]);
      return { ...mail, letter };
    } catch (error) {
      if (isDatabaseUnavailable(error)) throw error;
      this.#logger.error(`A message (${mail.kind}, ${mail.id}) could not be written: ${faultText(error)}`);
      await manager.query(LATER_SQL, [mail.id, waitSeconds(mail)]);
      return { ...mail, letter: null };
    }
  }

  /** @returns false if there is no point in trying the next letter now. */
  private async deliver({ id, kind, attempts, items }: Claimed, letter: Letter): Promise<boolean> {
    try {
      await this.transport?.send(letter);
    } catch (error) {
      const { code = 'unknown error', command, responseCode = 0 } = error as SmtpFailure;
      const isOfRecipient = command === 'RCPT TO';
      if ((isOfRecipient && responseCode >= 500) || attempts >= mostAttempts({ items })) {
        // Not to whom: the log does not say who has an account here.
        this.#logger.warn(`A message (${kind}, ${id}) could not be sent and is given up: ${code}`);
        await this.finish(id);
      } else {
        if (!isOfRecipient) this.#outage.failed(`Mail cannot be sent and is tried again: ${code}`);
        await this.database.statement(LATER_SQL, [id, waitSeconds({ attempts })]);
      }
      return isOfRecipient;
    }
    await this.finish(id);
    this.#outage.succeeded();
    return true;
  }

  private async finish(id: string): Promise<void> {
    await this.database.statement('UPDATE mails SET done_at = now() WHERE id = $1 RETURNING id', [id]);
  }

  /** What was sent an hour ago counts for no limit any more. */
  private async purge(): Promise<void> {
    for (const [table, key, old] of [
      ['mails', 'id', `done_at < now() - interval '1 hour' AND created_at < now() - interval '1 hour'`],
      ['mail_tokens', 'token_hash', 'expires_at < now()'],
    ]) {
      await this.database.statement(
        `DELETE FROM ${table} WHERE ${key} IN (
           SELECT ${key} FROM ${table} WHERE ${old} LIMIT ${PURGE_BATCH_ROWS} FOR UPDATE SKIP LOCKED)`,
      );
    }
  }
}

function waitSeconds({ attempts }: Pick<Claimed, 'attempts'>): number {
  return FIRST_WAIT_SECONDS * 2 ** (attempts - 1);
}

function mostAttempts({ items }: Pick<Claimed, 'items'>): number {
  return items === null ? MAX_ATTEMPTS : MAX_NOTICE_ATTEMPTS;
}
