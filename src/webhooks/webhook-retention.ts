import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../database/database.js';
import { PeriodicWork } from '../database/periodic-work.js';

export const KEPT_DAYS = 7;
const INTERVAL_MS = 600_000;
const BATCH = 1000;

/** Deletes deliveries that are older than a week, also those that a paused webhook never had, and idle streams. */
@Injectable()
export class WebhookRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #work = new PeriodicWork(() => this.trim(), {
    intervalMs: INTERVAL_MS,
    logger: 'Webhooks',
    failed: 'Old deliveries could not be removed',
    again: 'Old deliveries are removed again.',
  });

  constructor(private readonly database: Database) {}

  onApplicationBootstrap(): void {
    this.#work.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.#work.stop();
  }

  /** @returns how many deliveries were deleted. */
  async trim(): Promise<number> {
    let removed = 0;
    for (let gone = BATCH; gone === BATCH && !this.#work.stopped; removed += gone) {
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
}
