import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { AuditAction } from './audit-actions.js';
import { ROW_COLUMNS } from './audit-columns.js';
import type { ChainedRow } from './chain-key.js';

/** Entries read at once for an export. */
const EXPORT_ROWS = 1000;

export interface AuditFilter {
  readonly userId?: number;
  readonly platformId?: number;
  readonly action?: AuditAction | undefined;
}

/** Ids of entries. With `after` a page is oldest first, else newest first. */
export interface AuditRange {
  readonly before?: number | null;
  readonly after?: number | null;
  readonly size: number;
}

export interface AuditPage {
  readonly entries: readonly ChainedRow[];
  /** `before` of the next page; null on the last one, and where the page is oldest first. */
  readonly nextBefore: number | null;
  /** `after` of the next page; null if this one is newest first, or empty. */
  readonly nextAfter: number | null;
}

/** Reads the audit trail. */
@Injectable()
export class AuditTrail {
  constructor(private readonly database: Database) {}

  async page(filter: AuditFilter, { before = null, after = null, size }: AuditRange): Promise<AuditPage> {
    const conditions: [string, number | string | null | undefined][] = [
      ['user_id =', filter.userId],
      ['platform_id =', filter.platformId],
      ['action =', filter.action],
      ['id <', before],
      ['id >', after],
    ];
    const given = conditions.filter(([, value]) => value !== undefined && value !== null);
    const where = given.map(([condition], index) => `${condition} $${index + 1}`).join(' AND ');
    const rows = await this.database.statement<ChainedRow>(
      `SELECT ${ROW_COLUMNS} FROM audit_log ${where && `WHERE ${where}`}
       ORDER BY audit_log.id ${after === null ? 'DESC' : 'ASC'} LIMIT ${size + 1}`,
      given.map(([, value]) => value),
    );
    const entries = rows.slice(0, size);
    const lastId = entries.at(-1)?.id ?? null;
    return {
      entries,
      nextBefore: after === null && rows.length > size ? lastId : null,
      nextAfter: after === null ? null : lastId,
    };
  }

  /** Whether there is such an entry. */
  async has(filter: AuditFilter): Promise<boolean> {
    return (await this.page(filter, { size: 1 })).entries.length > 0;
  }

  /** The entries after an id, oldest first, each as a line of JSON. Holds no connection between two reads. */
  async *export(filter: AuditFilter, after: number): AsyncGenerator<string> {
    for (let next: number | null = after; next !== null;) {
      const page: AuditPage = await this.page(filter, { after: next, size: EXPORT_ROWS });
      if (page.entries.length > 0) yield page.entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
      next = page.nextAfter;
    }
  }
}
