import { Injectable } from '@nestjs/common';
import { ServiceUnavailable } from '../common/domain-error.js';
import { Database } from '../database/database.js';
import type { AuditEntry } from './audit-entry.entity.js';

type AuditRecord = Readonly<Omit<AuditEntry, 'id' | 'at'>>;

interface WrittenAuditRecord extends AuditRecord {
  readonly id: number;
  readonly at: Date;
}

export interface AuditPage {
  /** Newest first. */
  readonly entries: readonly WrittenAuditRecord[];
  /** `before` of the next page. Null on the last page. */
  readonly nextBefore: number | null;
}

const ADDRESS_LENGTH = 64;

/** The row was not written, so the action that it would have recorded must not happen. */
class AuditUnavailable extends ServiceUnavailable {
  override readonly code = 'audit_unavailable';

  constructor(cause: unknown) {
    super('The audit trail is temporarily unavailable. Try again shortly.', 1, { cause });
  }
}

const WRITE_SQL = `
  INSERT INTO audit_log (action, outcome, user_id, api_key_id, platform_id, reason, address, request_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`;

const PAGE_SQL = `
  SELECT id, at, action, outcome, user_id AS "userId", api_key_id AS "apiKeyId", platform_id AS "platformId", reason,
    address, request_id AS "requestId"
  FROM audit_log WHERE platform_id = $1 AND user_id = $2 AND ($3::bigint IS NULL OR id < $3)
  ORDER BY id DESC LIMIT $4`;

/** Records every use of credentials. Append-only. */
@Injectable()
export class AuditLog {
  constructor(private readonly database: Database) {}

  /**
   * Resolves once the row is committed.
   *
   * @throws {ServiceUnavailable} when the row was not committed, for any reason. The caller must then reveal nothing.
   */
  async write(record: AuditRecord): Promise<void> {
    const { action, outcome, userId, apiKeyId, platformId, reason, address, requestId } = record;
    try {
      await this.database.statement(WRITE_SQL, [
        action,
        outcome,
        userId,
        apiKeyId,
        platformId,
        reason,
        address.slice(0, ADDRESS_LENGTH),
        requestId,
      ]);
    } catch (error) {
      throw error instanceof ServiceUnavailable ? error : new AuditUnavailable(error);
    }
  }

  /** The entries of `userId` for a platform, even a deleted one. `before` is the id of an entry. */
  async page(
    userId: number,
    platformId: number,
    { before, size }: { readonly before: number | null; readonly size: number },
  ): Promise<AuditPage> {
    const rows = await this.database.statement<Omit<WrittenAuditRecord, 'id'> & { readonly id: string }>(
      PAGE_SQL,
      [platformId, userId, before, size + 1],
    );
    const entries = rows.slice(0, size).map((row) => ({ ...row, id: Number(row.id) }));
    return { entries, nextBefore: rows.length > size ? (entries.at(-1)?.id ?? null) : null };
  }
}
