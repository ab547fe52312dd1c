import { Injectable } from '@nestjs/common';
import { ServiceUnavailable } from '../common/domain-error.js';
import { Database } from '../database/database.js';
import type { AuditAction, AuditOutcome } from './audit-actions.js';

export interface AuditRecord {
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  readonly userId: number;
  /** Null for a person's own session. */
  readonly apiKeyId: number | null;
  readonly platformId: number;
  readonly reason: string;
  readonly address: string;
  readonly requestId: string;
}

export interface WrittenAuditRecord extends AuditRecord {
  readonly id: number;
  readonly at: Date;
}

export interface AuditPage {
  /** Newest first. */
  readonly entries: readonly WrittenAuditRecord[];
  /** `before` of the next page; null on the last one. */
  readonly nextBefore: number | null;
}

const ADDRESS_LENGTH = 64;

/** The row was not written, so what it would have told of must not happen. */
export class AuditUnavailable extends ServiceUnavailable {
  override readonly code = 'audit_unavailable';

  constructor(cause: unknown) {
    super('The audit trail cannot be written at the moment. Try again shortly.', 1, { cause });
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

/** The trail of what was done with credentials. Rows are only ever added. */
@Injectable()
export class AuditLog {
  constructor(private readonly database: Database) {}

  /**
   * Resolves when the row is committed.
   *
   * @throws {ServiceUnavailable} when it was not, for whatever reason; then nothing may be given out.
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

  /** What `userId` did with a platform, also after its deletion. `before` is the id of an entry. */
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
