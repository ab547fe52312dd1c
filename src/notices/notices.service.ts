import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit/audit-log.js';
import { Database } from '../database/database.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { MailOutbox } from '../mail/mail-outbox.js';
import { NOTICES, NOTICE_NAMES, type Notice, type NoticeItems, type NoticeSwitches } from './notice.js';

/** Of a letter about connections, which are the only ones that nobody has caused. */
const DIGESTS_PER_HOUR = 1;

/** Notices by mail, and which of them a person wants. */
@Injectable()
export class NoticesService {
  constructor(
    private readonly database: Database,
    private readonly mails: MailOutbox,
    private readonly audit: AuditLog,
  ) {}

  get enabled(): boolean {
    return this.mails.enabled;
  }

  /**
   * In the transaction of what it tells of, so neither is without the other. Nothing if the person does not want it, or has
   * not confirmed the address: it may be a stranger's. That of an OpenID account was confirmed by the provider.
   */
  async addIn<N extends Notice>(
    manager: EntityManager,
    userId: number,
    notice: N,
    items: readonly NoticeItems[N][],
  ): Promise<void> {
    if (!this.enabled || items.length === 0) return;
    const [person] = await manager.query<{ email: string }[]>(
      `SELECT email FROM users WHERE id = $1 AND NOT $2 = ANY (notices_off) AND disabled_at IS NULL
         AND (email_verified_at IS NOT NULL OR (oidc_subject IS NOT NULL AND email NOT LIKE '%.invalid'))
       FOR KEY SHARE`,
      [userId, notice],
    );
    if (person === undefined) return;
    const perHour = notice === 'connections' ? DIGESTS_PER_HOUR : undefined;
    await this.mails.gatherIn(manager, NOTICES[notice], { userId, ...person }, items, perHour);
  }

  /** @throws {InvalidAccessToken} */
  async switches(userId: number): Promise<NoticeSwitches> {
    const [row] = await this.database.statement<{ off: Notice[] }>(
      'SELECT notices_off AS off FROM users WHERE id = $1',
      [userId],
    );
    if (row === undefined) throw new InvalidAccessToken();
    return Object.fromEntries(NOTICE_NAMES.map((name) => [name, !row.off.includes(name)])) as NoticeSwitches;
  }

  async setSwitches(userId: number, wanted: NoticeSwitches): Promise<void> {
    const off = NOTICE_NAMES.filter((name) => !wanted[name]);
    await this.database.transaction(async (manager) => {
      await manager.query('UPDATE users SET notices_off = $2::varchar[] WHERE id = $1', [userId, off]);
      const detail = off.length === 0 ? 'All on' : `Off: ${off.join(' ')}`;
      await this.audit.writeIn(manager, { action: 'account.notices', outcome: 'done', userId, detail });
    });
  }
}
