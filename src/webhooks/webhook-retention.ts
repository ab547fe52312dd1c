import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DomainError } from '../common/domain-error.js';
import { OutageLog } from '../common/outage-log.js';
import { Database } from '../database/database.js';

export const KEPT_DAYS = 7;
const INTERVAL_MS = 600_000;
const BATCH = 1000;

/** Deletes deliveries that are older than a week, also those that a paused webhook never had, and idle streams. */
@Injectable()
export class WebhookRetention implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #outage = new OutageLog(new Logger('Webhooks'), 'Old deliveries are removed again.');
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly database: Database) {}

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => void this.run(), INTERVAL_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  /** @returns how many deliveries were deleted. */
  async trim(): Promise<number> {
    let removed = 0;
    for (let gone = BATCH; gone === BATCH; removed += gone) {
      const [row] = await this.database.statement<{ gone: number }>(
        `WITH gone AS (
           DELETE FROM webhook_deliveries WHERE id IN (
             SELECT id FROM webhook_deliveries WHERE created_at < now() - interval '${KEPT_DAYS} days'
             ORDER BY created_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)
           RETURNING id
         ) SELECT count(*)::integer AS gone FROM gone`,
      );
      gone = row?.gone ?? 0;
    }
    // An event that comes at the same time waits for this, and makes the stream again.
    await this.database.statement(
      `DELETE FROM webhook_streams WHERE (webhook_id, platform_id) IN (
         SELECT webhook_id, platform_id FROM webhook_streams WHERE due_at IS NULL LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
    );
    return removed;
  }

  private async run(): Promise<void> {
    try {
      await this.trim();
      this.#outage.succeeded();
    } catch (error) {
      const reason = error instanceof DomainError ? error.code : String(error);
      this.#outage.failed(`Old deliveries could not be removed: ${reason}`);
    }
  }
}
