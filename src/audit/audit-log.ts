import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ServiceUnavailable } from '../common/domain-error.js';
import { Installation } from '../common/installation.js';
import { isDatabaseUnavailable, isRefusal } from '../database/database-errors.js';
import type { AuditAction } from './audit-actions.js';
import { AuditChain, type UnchainedRow } from './audit-chain.js';
import { type AuditOrigin, currentOrigin } from './audit-origin.js';

export interface AuditRecord extends Partial<AuditOrigin> {
  readonly action: AuditAction;
  /** `done`, or what came of it, in snake_case. */
  readonly outcome: string;
  readonly platformId?: number;
  /** In the user's words; up to 200 characters. */
  readonly reason?: string;
  /** In ours. What is longer than 500 characters is cut. */
  readonly detail?: string;
}

interface Waiting {
  readonly row: UnchainedRow;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const REASON_LENGTH = 200;
const DETAIL_LENGTH = 500;
const ADDRESS_LENGTH = 64;
/** Rows of one statement. */
const BATCH = 500;

/** The row was not written, so the action that it would have recorded must not happen. */
class AuditUnavailable extends ServiceUnavailable {
  override readonly code = 'audit_unavailable';

  constructor(cause: unknown) {
    super('The audit trail is temporarily unavailable. Try again shortly.', 1, { cause });
  }
}

/** Records who does what. Append-only. */
@Injectable()
export class AuditLog {
  readonly #waiting: Waiting[] = [];
  #writing = false;

  constructor(
    private readonly chain: AuditChain,
    private readonly installation: Installation,
  ) {}

  /**
   * Resolves once the row is committed. Those that are waiting go together, because each needs the one before.
   *
   * @throws {ServiceUnavailable} when the row was not committed, for any reason.
   */
  write(record: AuditRecord): Promise<void> {
    const row = this.rowOf(record);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ row, resolve, reject });
      if (!this.#writing) void this.writeAll();
    });
  }

  /**
   * Writes in the caller's transaction, as its last statement: until the commit, nobody else can write.
   *
   * @throws {AuditUnavailable} The caller's transaction must then be rolled back.
   */
  async writeIn(manager: EntityManager, ...records: readonly AuditRecord[]): Promise<void> {
    try {
      await this.chain.appendIn(
        manager,
        records.map((record) => this.rowOf(record)),
      );
    } catch (error) {
      throw isDatabaseUnavailable(error) ? error : new AuditUnavailable(error);
    }
  }

  private async writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) await this.writeBatch(this.#waiting.splice(0, BATCH));
    this.#writing = false;
  }

  /** All rows are committed or none. One that is refused must not take the others with it, so then each goes alone. */
  private async writeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.chain.append(batch.map(({ row }) => row));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      if (batch.length > 1 && isRefusal(error)) {
        for (const one of batch) await this.writeBatch([one]);
        return;
      }
      const reason = error instanceof ServiceUnavailable ? error : new AuditUnavailable(error);
      for (const { reject } of batch) reject(reason);
    }
  }

  private rowOf({ reason = '', detail = '', platformId, ...record }: AuditRecord): UnchainedRow {
    const origin = { ...currentOrigin(), ...record };
    return {
      ...origin,
      at: new Date(this.installation.earliestMs()),
      platformId: platformId ?? null,
      reason: stored(reason, REASON_LENGTH),
      detail: stored(detail, DETAIL_LENGTH),
      address: stored(origin.address, ADDRESS_LENGTH),
    };
  }
}

/** PostgreSQL takes no NUL, and no half of a surrogate pair. */
function stored(text: string, length: number): string {
  return text.replaceAll('\0', '').slice(0, length).toWellFormed();
}
