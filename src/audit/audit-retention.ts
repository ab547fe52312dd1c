import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Installation } from '../common/installation.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import { PeriodicWork } from '../database/periodic-work.js';
import { AuditChain, systemRow } from './audit-chain.js';
import { textOf } from './audit-verifier.js';

const DAY_MS = 86_400_000;
const INTERVAL_MS = 600_000;
/** Removed by one transaction, while nobody can write to the trail. */
const BATCH = 1000;

/** Removes entries that are older than AUDIT_RETENTION_DAYS. The chain itself says so, in an entry of its own. */
@Injectable()
export class AuditRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #work = new PeriodicWork(() => this.trim(this.#oldest()), {
    intervalMs: INTERVAL_MS,
    logger: 'Audit',
    failed: 'Old entries of the audit trail could not be removed',
    again: 'Old entries of the audit trail are removed again.',
  });

  constructor(
    private readonly database: Database,
    private readonly chain: AuditChain,
    private readonly installation: Installation,
    private readonly config: AppConfig,
  ) {}

  onApplicationBootstrap(): void {
    this.#work.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.#work.stop();
  }

  /**
   * @param before Unix milliseconds.
   * @returns how many entries were removed.
   */
  async trim(before: number): Promise<number> {
    for (let removed = 0; ;) {
      const batch = await this.trimBatch(new Date(before));
      removed += batch;
      if (batch < BATCH || this.#work.stopped) return removed;
    }
  }

  /** Unix milliseconds. */
  #oldest(): number {
    return this.installation.earliestMs() - this.config.auditRetentionDays * DAY_MS;
  }

  /** The oldest ones in a row: the rest stays a chain. */
  private async trimBatch(before: Date): Promise<number> {
    const [oldest] = await this.database.statement<{ at: Date }>(
      'SELECT at FROM audit_log ORDER BY id LIMIT 1',
    );
    if (oldest === undefined || oldest.at >= before) return 0;
    return this.database.transaction(async (manager) => {
      // Of several processes, one at a time.
      await this.chain.lock(manager);
      const rows = await manager.query<{ id: number; at: Date; mac: string | null }[]>(
        `SELECT id::float8 AS id, at, mac FROM audit_log ORDER BY audit_log.id LIMIT ${BATCH}`,
      );
      const kept = rows.findIndex(({ at }) => at >= before);
      const old = kept === -1 ? rows : rows.slice(0, kept);
      const last = old.at(-1);
      if (last === undefined) return 0;
      await manager.query(`SELECT set_config('platform_manager.audit_retention', 'on', true)`);
      await manager.query('DELETE FROM audit_log WHERE id <= $1', [last.id]);
      const detail = `removed up to ${textOf({ id: last.id, mac: last.mac ?? '' })}`;
      await this.chain.appendIn(manager, [
        systemRow('audit.trim', new Date(this.installation.earliestMs()), detail),
      ]);
      return old.length;
    });
  }
}
