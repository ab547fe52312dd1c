import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { MailOutbox } from './mail-outbox.js';

/** Counts stop here. */
const COUNT_BOUND = 10_001;

export interface MailBacklog {
  readonly configured: boolean;
  /** Letters that have not been sent, those for later included. */
  readonly waiting: number;
  /** How long the oldest that should have left by now has been waiting. */
  readonly lateSeconds: number;
}

/** How the outbox of letters is doing. */
@Injectable()
export class MailFigures {
  constructor(
    private readonly database: Database,
    private readonly outbox: MailOutbox,
  ) {}

  async read(): Promise<MailBacklog> {
    const [backlog] = await this.database.statement<Omit<MailBacklog, 'configured'>>(
      `SELECT count(*)::integer AS waiting,
         coalesce(round(extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at < now()))), 0)::integer AS "lateSeconds"
       FROM (SELECT due_at FROM mails WHERE done_at IS NULL ORDER BY due_at LIMIT ${COUNT_BOUND}) AS bounded`,
    );
    return { configured: this.outbox.enabled, waiting: 0, lateSeconds: 0, ...backlog };
  }
}
